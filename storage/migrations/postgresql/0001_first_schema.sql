-- Everything Agents for Slack remembers. Times are integer microseconds since 1970 UTC (*_us), money integer
-- nano-dollars (*_nusd), structures JSON as text. Every row names its workspace or its run.

CREATE TABLE schema (
  id BIGINT NOT NULL CONSTRAINT schema_pk PRIMARY KEY CONSTRAINT schema_single CHECK (id = 1),
  version BIGINT NOT NULL,
  min_code BIGINT NOT NULL
);

-- Limits that are NULL fall back to the roster's.
CREATE TABLE workspace (
  id TEXT NOT NULL CONSTRAINT workspace_pk PRIMARY KEY,
  zone TEXT,
  next_zone TEXT,
  limit_nusd BIGINT CONSTRAINT workspace_limit CHECK (limit_nusd >= 0),
  default_channel_nusd BIGINT CONSTRAINT workspace_default_channel CHECK (default_channel_nusd >= 0),
  dm_user_nusd BIGINT CONSTRAINT workspace_dm_user CHECK (dm_user_nusd >= 0),
  period TEXT NOT NULL DEFAULT '',
  paused BIGINT NOT NULL DEFAULT 0 CONSTRAINT workspace_paused CHECK (paused IN (0, 1)),
  paused_reason TEXT NOT NULL DEFAULT '',
  alerts_json TEXT,
  settings_json TEXT NOT NULL DEFAULT '{}'
);

-- Who pays: a channel, or a person for direct messages (kind dm, id = the person). NULL falls back to the workspace.
CREATE TABLE channel (
  workspace TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL CONSTRAINT channel_kind CHECK (kind IN ('channel', 'dm')),
  name TEXT NOT NULL DEFAULT '',
  zone TEXT,
  next_zone TEXT,
  limit_nusd BIGINT CONSTRAINT channel_limit CHECK (limit_nusd >= 0),
  user_cap_nusd BIGINT CONSTRAINT channel_user_cap CHECK (user_cap_nusd >= 0),
  alerts_json TEXT,
  frozen BIGINT NOT NULL DEFAULT 0 CONSTRAINT channel_frozen CHECK (frozen IN (0, 1)),
  frozen_reason TEXT NOT NULL DEFAULT '',
  period TEXT NOT NULL DEFAULT '',
  settings_json TEXT NOT NULL DEFAULT '{}',
  CONSTRAINT channel_pk PRIMARY KEY (workspace, id)
);

-- id is workspace/kind/key/period. limit_nusd is the limit last in force; NULL means nobody set one.
CREATE TABLE account (
  id TEXT NOT NULL CONSTRAINT account_pk PRIMARY KEY,
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL CONSTRAINT account_kind CHECK (kind IN ('workspace', 'channel', 'dm', 'user', 'run', 'stage')),
  key TEXT NOT NULL,
  period TEXT NOT NULL,
  limit_nusd BIGINT CONSTRAINT account_limit CHECK (limit_nusd >= 0),
  granted_nusd BIGINT NOT NULL DEFAULT 0 CONSTRAINT account_granted CHECK (granted_nusd >= 0),
  settled_nusd BIGINT NOT NULL DEFAULT 0 CONSTRAINT account_settled CHECK (settled_nusd >= 0),
  reserved_nusd BIGINT NOT NULL DEFAULT 0 CONSTRAINT account_reserved CHECK (reserved_nusd >= 0)
);
CREATE INDEX account_by_period ON account (workspace, kind, period);

-- Money, one row per attempt or reservation, kept for ever.
CREATE TABLE call (
  id TEXT NOT NULL CONSTRAINT call_pk PRIMARY KEY,
  run_id TEXT NOT NULL,
  path TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  user_id TEXT NOT NULL,
  period TEXT NOT NULL,
  flow TEXT NOT NULL,
  agent TEXT NOT NULL,
  model TEXT NOT NULL,
  price_version TEXT NOT NULL,
  hold_nusd BIGINT NOT NULL CONSTRAINT call_hold CHECK (hold_nusd >= 0),
  state TEXT NOT NULL CONSTRAINT call_state CHECK (state IN ('reserved', 'open', 'settled', 'uncertain', 'released')),
  actual_nusd BIGINT NOT NULL DEFAULT 0 CONSTRAINT call_actual CHECK (actual_nusd >= 0),
  overrun_nusd BIGINT NOT NULL DEFAULT 0 CONSTRAINT call_overrun CHECK (overrun_nusd >= 0),
  usage_json TEXT,
  reason TEXT NOT NULL DEFAULT '',
  accounts_json TEXT NOT NULL,
  owner_epoch BIGINT NOT NULL,
  opened_us BIGINT NOT NULL,
  closed_us BIGINT
);
-- A new owner of a run counts its attempts from one again; reservations are attempt 0 and may be made anew.
CREATE UNIQUE INDEX call_attempt
  ON call (run_id, path, owner_epoch, attempt, (CASE WHEN attempt = 0 THEN id ELSE '' END));
CREATE INDEX call_by_channel ON call (workspace, channel, period, opened_us);
CREATE INDEX call_unfinished ON call (workspace, channel, run_id) WHERE closed_us IS NULL;
CREATE INDEX call_uncertain ON call (workspace, opened_us) WHERE state = 'uncertain';

-- The one function of SQLite that our queries use: the parts of a JSON list.
CREATE FUNCTION json_each(list TEXT) RETURNS TABLE (value TEXT) LANGUAGE sql IMMUTABLE AS $$
  SELECT json_array_elements_text(list::json)
$$;

CREATE FUNCTION call_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'calls are money and kept' USING ERRCODE = 'integrity_constraint_violation';
  ELSIF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('reserved', 'open') OR (NEW.state = 'reserved') <> (NEW.attempt = 0) THEN
      RAISE EXCEPTION 'a call begins as reserved or open' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
  ELSIF NOT (
      (OLD.state = 'reserved' AND NEW.state = 'reserved' AND NEW.hold_nusd <= OLD.hold_nusd)
      OR (OLD.hold_nusd = NEW.hold_nusd AND (
        (OLD.state = 'reserved' AND NEW.state = 'released')
        OR (OLD.state = 'open' AND NEW.state IN ('settled', 'uncertain', 'released'))
        OR (OLD.state = 'uncertain' AND NEW.state IN ('settled', 'released')))))
    OR (OLD.id, OLD.run_id, OLD.path, OLD.attempt, OLD.workspace, OLD.channel, OLD.user_id, OLD.period, OLD.model,
        OLD.accounts_json, OLD.owner_epoch, OLD.opened_us)
    <> (NEW.id, NEW.run_id, NEW.path, NEW.attempt, NEW.workspace, NEW.channel, NEW.user_id, NEW.period, NEW.model,
        NEW.accounts_json, NEW.owner_epoch, NEW.opened_us) THEN
    RAISE EXCEPTION 'a call changes only along its states' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER call_states BEFORE INSERT OR UPDATE OR DELETE ON call FOR EACH ROW EXECUTE FUNCTION call_guard();

-- Spend in sums, written by the settling transaction, so that reports stay quick at a million calls.
CREATE TABLE spend (
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  period TEXT NOT NULL,
  flow TEXT NOT NULL,
  agent TEXT NOT NULL,
  model TEXT NOT NULL,
  user_id TEXT NOT NULL,
  calls BIGINT NOT NULL,
  settled_nusd BIGINT NOT NULL,
  uncertain_nusd BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  CONSTRAINT spend_pk PRIMARY KEY (workspace, channel, period, flow, agent, model, user_id)
);
CREATE INDEX spend_by_period ON spend (workspace, period);

CREATE TABLE snapshot (
  hash TEXT NOT NULL CONSTRAINT snapshot_pk PRIMARY KEY,
  json TEXT NOT NULL
);

CREATE TABLE run (
  id TEXT NOT NULL CONSTRAINT run_pk PRIMARY KEY,
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  channel_kind TEXT NOT NULL CONSTRAINT run_channel_kind CHECK (channel_kind IN ('channel', 'dm')),
  thread_ts TEXT NOT NULL DEFAULT '',
  root_ts TEXT NOT NULL DEFAULT '',
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL CONSTRAINT run_kind CHECK (kind IN ('slack', 'terminal')),
  request_content TEXT NOT NULL DEFAULT '',
  flow TEXT NOT NULL DEFAULT '',
  options_json TEXT NOT NULL DEFAULT '{}',
  status TEXT NOT NULL CONSTRAINT run_status CHECK (status IN ('accepted', 'running', 'parked', 'done')),
  stop_reason TEXT NOT NULL DEFAULT '',
  epoch BIGINT NOT NULL DEFAULT 0,
  lease_owner TEXT NOT NULL DEFAULT '',
  lease_until_us BIGINT NOT NULL DEFAULT 0,
  cancel_requested_by TEXT,
  roster_hash TEXT NOT NULL DEFAULT '',
  executed_ms BIGINT NOT NULL DEFAULT 0,
  worst_nusd BIGINT NOT NULL DEFAULT 0,
  cost_nusd BIGINT NOT NULL DEFAULT 0,
  created_us BIGINT NOT NULL,
  finished_us BIGINT,
  delivery_key TEXT NOT NULL,
  CONSTRAINT run_delivery UNIQUE (workspace, delivery_key)
);
CREATE INDEX run_unfinished ON run (status, created_us) WHERE status <> 'done';
CREATE INDEX run_by_channel ON run (workspace, channel, created_us);
CREATE INDEX run_by_user ON run (workspace, user_id, created_us);
CREATE INDEX run_by_flow ON run (workspace, flow, created_us);
CREATE INDEX run_by_thread ON run (workspace, channel, thread_ts, created_us);

CREATE TABLE content (
  id TEXT NOT NULL CONSTRAINT content_pk PRIMARY KEY,
  run_id TEXT NOT NULL,
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  created_us BIGINT NOT NULL
);
CREATE INDEX content_by_run ON content (run_id);
CREATE INDEX content_by_age ON content (created_us);

CREATE TABLE step (
  run_id TEXT NOT NULL,
  path TEXT NOT NULL,
  input_hash TEXT NOT NULL,
  outcome TEXT NOT NULL CONSTRAINT step_outcome CHECK (outcome IN ('ok', 'failed', 'decision')),
  agent TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  content_id TEXT,
  data_json TEXT NOT NULL DEFAULT '{}',
  reason TEXT NOT NULL DEFAULT '',
  finish_reason TEXT NOT NULL DEFAULT '',
  input_tokens BIGINT NOT NULL DEFAULT 0,
  output_tokens BIGINT NOT NULL DEFAULT 0,
  cost_nusd BIGINT NOT NULL DEFAULT 0,
  elapsed_ms BIGINT NOT NULL DEFAULT 0,
  attempts BIGINT NOT NULL DEFAULT 0,
  call_id TEXT,
  at_us BIGINT NOT NULL,
  CONSTRAINT step_pk PRIMARY KEY (run_id, path)
);

CREATE TABLE thread (
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  thread_ts TEXT NOT NULL,
  active_run TEXT,
  owner_user TEXT NOT NULL DEFAULT '',
  CONSTRAINT thread_pk PRIMARY KEY (workspace, channel, thread_ts)
);

CREATE TABLE slack_out (
  run_id TEXT NOT NULL,
  name TEXT NOT NULL,
  channel TEXT NOT NULL,
  ts TEXT,
  state TEXT NOT NULL CONSTRAINT slack_out_state CHECK (state IN ('intended', 'posted', 'abandoned')),
  at_us BIGINT NOT NULL,
  CONSTRAINT slack_out_pk PRIMARY KEY (run_id, name)
);

CREATE TABLE inbox (
  key TEXT NOT NULL CONSTRAINT inbox_pk PRIMARY KEY,
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload_json TEXT NOT NULL,
  received_us BIGINT NOT NULL,
  done_us BIGINT,
  note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX inbox_waiting ON inbox (received_us) WHERE done_us IS NULL;

CREATE TABLE question (
  run_id TEXT NOT NULL,
  path TEXT NOT NULL,
  question_json TEXT NOT NULL,
  decision_json TEXT,
  asked_us BIGINT NOT NULL,
  decided_us BIGINT,
  deadline_us BIGINT,
  CONSTRAINT question_pk PRIMARY KEY (run_id, path)
);
CREATE INDEX question_due ON question (deadline_us) WHERE decided_us IS NULL;

CREATE TABLE alert_sent (
  workspace TEXT NOT NULL,
  account TEXT NOT NULL,
  period TEXT NOT NULL,
  name TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  CONSTRAINT alert_sent_pk PRIMARY KEY (workspace, account, period, name)
);

CREATE TABLE chore (
  key TEXT NOT NULL CONSTRAINT chore_pk PRIMARY KEY,
  at_us BIGINT NOT NULL,
  by TEXT NOT NULL
);

CREATE TABLE feedback (
  run_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  value TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  CONSTRAINT feedback_pk PRIMARY KEY (run_id, user_id)
);

-- A model that once cost more than its hold. Lifted, its holds are multiplied by allowance_pct / 100 from then on.
CREATE TABLE model_quarantine (
  workspace TEXT NOT NULL,
  model TEXT NOT NULL,
  allowance_pct BIGINT NOT NULL DEFAULT 100 CONSTRAINT model_quarantine_allowance CHECK (allowance_pct >= 100),
  reason TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  lifted_us BIGINT,
  CONSTRAINT model_quarantine_pk PRIMARY KEY (workspace, model)
);

CREATE TABLE audit (
  id TEXT NOT NULL CONSTRAINT audit_pk PRIMARY KEY,
  at_us BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  account TEXT NOT NULL DEFAULT '',
  before_json TEXT NOT NULL DEFAULT '{}',
  after_json TEXT NOT NULL DEFAULT '{}',
  reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_by_time ON audit (workspace, at_us);

CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_guard();

INSERT INTO schema (id, version, min_code) VALUES (1, 1, 1);

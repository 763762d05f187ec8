-- name: open_workspace
-- A row to configure, before the first hold made one.
INSERT INTO workspace (id) VALUES (:workspace) ON CONFLICT DO NOTHING;

-- name: open_payer
-- The same for a channel, or a person's direct messages.
INSERT INTO channel (workspace, id, kind) VALUES (:workspace, :id, :kind) ON CONFLICT DO NOTHING;

-- name: lock_workspace
-- What is configured, nobody else's to change until we commit.
SELECT * FROM workspace WHERE id = :workspace FOR UPDATE;

-- name: lock_payer
-- What is configured for a channel or a person's direct messages.
SELECT * FROM channel WHERE workspace = :workspace AND id = :id FOR UPDATE;

-- name: save_workspace
-- A workspace as an admin wants it; its month is the ledger's.
UPDATE workspace SET zone = :zone, next_zone = :next_zone, limit_nusd = :limit_nusd,
  default_channel_nusd = :default_channel_nusd, dm_user_nusd = :dm_user_nusd, paused = :paused,
  paused_reason = :paused_reason, alerts_json = :alerts_json
WHERE id = :id;

-- name: save_payer
-- A channel, or a person's direct messages, as an admin wants it.
UPDATE channel SET name = :name, zone = :zone, next_zone = :next_zone, limit_nusd = :limit_nusd,
  user_cap_nusd = :user_cap_nusd, alerts_json = :alerts_json, frozen = :frozen, frozen_reason = :frozen_reason
WHERE workspace = :workspace AND id = :id;

-- name: accounts
-- The caps as they are now.
SELECT id, workspace, kind, key, period, limit_nusd, granted_nusd, settled_nusd, reserved_nusd
FROM account WHERE id IN :ids...;

-- name: save_grant
-- A one-off raise for one month.
UPDATE account SET granted_nusd = :granted_nusd WHERE id = :id;

-- name: held_by_runs
-- What is set aside right now, and for which runs.
SELECT run_id, COUNT(*) AS calls, CAST(SUM(hold_nusd) AS BIGINT) AS held_nusd, MIN(opened_us) AS since_us
FROM call
WHERE workspace = :workspace AND channel = :channel AND closed_us IS NULL AND (:kind = 'channel' OR user_id = :user_id)
GROUP BY run_id ORDER BY run_id;

-- name: uncertain
-- Calls that count in full because nobody knows what they cost.
SELECT id, run_id, path, channel, user_id, period, agent, model, hold_nusd, reason, opened_us, closed_us
FROM call WHERE workspace = :workspace AND state = 'uncertain' ORDER BY opened_us;

-- name: lock_quarantine
-- A model that once cost more than its hold.
SELECT * FROM model_quarantine WHERE workspace = :workspace AND model = :model FOR UPDATE;

-- name: lift_quarantine
-- Its holds are multiplied from now on.
UPDATE model_quarantine SET allowance_pct = :allowance_pct, lifted_us = :now_us
WHERE workspace = :workspace AND model = :model;

-- name: quarantined_now
-- Models nobody may call until an admin raises their allowance.
SELECT model, allowance_pct, reason, at_us FROM model_quarantine
WHERE workspace = :workspace AND lifted_us IS NULL ORDER BY model;

-- name: audit_log
-- Who changed what, newest first.
SELECT at_us, actor, action, account, before_json, after_json, reason FROM audit
WHERE workspace = :workspace ORDER BY at_us DESC, id DESC LIMIT :most;

-- name: spend
-- One month of a channel in sums, dearest first; a handful of rows however many calls there were.
SELECT flow, agent, model, user_id, calls, settled_nusd, uncertain_nusd, input_tokens, output_tokens
FROM spend WHERE workspace = :workspace AND channel = :channel AND period = :period
ORDER BY settled_nusd DESC, flow, agent, model, user_id;

-- name: spent_by
-- What one person spent in a month, wherever it was.
SELECT CAST(COALESCE(SUM(settled_nusd), 0) AS BIGINT) AS settled_nusd
FROM spend WHERE workspace = :workspace AND period = :period AND user_id = :user_id;

-- name: spend_by_period
-- The months of a channel, newest first.
SELECT period, CAST(SUM(calls) AS BIGINT) AS calls, CAST(SUM(settled_nusd) AS BIGINT) AS settled_nusd
FROM spend WHERE workspace = :workspace AND channel = :channel GROUP BY period ORDER BY period DESC LIMIT :most;

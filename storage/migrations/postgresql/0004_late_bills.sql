-- A bill that arrives after a call was released counts as well: every dollar billed is in the sums. The guards are
-- conditions of their triggers now, so that a change they allow calls no function.

DROP TRIGGER call_states ON call;
DROP FUNCTION call_guard();
CREATE FUNCTION call_refused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER call_born BEFORE INSERT ON call FOR EACH ROW
WHEN (NEW.state NOT IN ('reserved', 'open') OR (NEW.state = 'reserved') <> (NEW.attempt = 0))
EXECUTE FUNCTION call_refused('a call begins as reserved or open');
CREATE TRIGGER call_identity BEFORE UPDATE OF
  id, run_id, path, attempt, workspace, channel, user_id, period, flow, agent, model, price_version, accounts_json,
  owner_epoch, opened_us
ON call FOR EACH ROW
EXECUTE FUNCTION call_refused('a call changes only along its states');
CREATE TRIGGER call_states BEFORE UPDATE OF
  hold_nusd, state, actual_nusd, overrun_nusd, usage_json, reason, closed_us
ON call FOR EACH ROW
WHEN (NOT (
  OLD.hold_nusd = NEW.hold_nusd AND (
    (OLD.state = 'open' AND NEW.state IN ('settled', 'uncertain', 'released'))
    OR (OLD.state = 'uncertain' AND NEW.state IN ('settled', 'released'))
    OR (OLD.state = 'reserved' AND NEW.state = 'released')
    OR (OLD.state = 'released' AND NEW.state = 'settled' AND OLD.attempt > 0))
  OR (OLD.state = 'reserved' AND NEW.state = 'reserved' AND NEW.hold_nusd <= OLD.hold_nusd)))
EXECUTE FUNCTION call_refused('a call changes only along its states');
CREATE TRIGGER call_kept BEFORE DELETE OR TRUNCATE ON call FOR EACH STATEMENT
EXECUTE FUNCTION call_refused('calls are money and kept');

-- Alerts claim their key among the chores.
DROP TABLE alert_sent;

-- A claim says who is at it, `done_us` that it is done: what a process began and did not live to finish is begun again.
ALTER TABLE chore ADD COLUMN done_us BIGINT;
UPDATE chore SET done_us = at_us;

-- Reports stay quick at a million calls: when money was set aside, in quarter hours, because every time zone begins its
-- day on one; what was billed above its hold; and the dearest runs without a look at the others.
CREATE TABLE spend_time (
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  period TEXT NOT NULL,
  quarter BIGINT NOT NULL,
  settled_nusd BIGINT NOT NULL,
  CONSTRAINT spend_time_pk PRIMARY KEY (workspace, channel, period, quarter)
);
INSERT INTO spend_time (workspace, channel, period, quarter, settled_nusd)
SELECT workspace, channel, period, opened_us / 900000000, CAST(SUM(actual_nusd) AS BIGINT) FROM call
WHERE state IN ('settled', 'uncertain') GROUP BY workspace, channel, period, opened_us / 900000000;
CREATE INDEX call_overrun ON call (workspace, channel, period, opened_us) WHERE overrun_nusd > 0;
CREATE INDEX run_by_cost ON run (workspace, channel, cost_nusd) WHERE status = 'done';

UPDATE schema SET version = 4 WHERE version < 4;

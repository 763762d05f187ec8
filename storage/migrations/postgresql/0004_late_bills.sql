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

UPDATE schema SET version = 4 WHERE version < 4;

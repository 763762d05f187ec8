-- A bill that arrives after a call was released counts as well: every dollar billed is in the sums. The guards are two
-- now, because the first costs nothing where an update leaves its columns alone, and settling does.

DROP TRIGGER call_states;
CREATE TRIGGER call_identity BEFORE UPDATE OF
  id, run_id, path, attempt, workspace, channel, user_id, period, flow, agent, model, price_version, accounts_json,
  owner_epoch, opened_us
ON call
BEGIN
  SELECT RAISE(ABORT, 'a call changes only along its states');
END;
CREATE TRIGGER call_states BEFORE UPDATE OF
  hold_nusd, state, actual_nusd, overrun_nusd, usage_json, reason, closed_us
ON call
WHEN NOT (
  OLD.hold_nusd = NEW.hold_nusd AND (
    (OLD.state = 'open' AND NEW.state IN ('settled', 'uncertain', 'released'))
    OR (OLD.state = 'uncertain' AND NEW.state IN ('settled', 'released'))
    OR (OLD.state = 'reserved' AND NEW.state = 'released')
    OR (OLD.state = 'released' AND NEW.state = 'settled' AND OLD.attempt > 0))
  OR (OLD.state = 'reserved' AND NEW.state = 'reserved' AND NEW.hold_nusd <= OLD.hold_nusd))
BEGIN
  SELECT RAISE(ABORT, 'a call changes only along its states');
END;

-- Alerts claim their key among the chores.
DROP TABLE alert_sent;

-- A claim says who is at it, `done_us` that it is done: what a process began and did not live to finish is begun again.
ALTER TABLE chore ADD COLUMN done_us INTEGER;
UPDATE chore SET done_us = at_us;

UPDATE schema SET version = 4 WHERE version < 4;

-- What an attempt drew from a reservation and did not spend goes back there, for the next attempt: it may grow again.

DROP TRIGGER call_states;
CREATE TRIGGER call_states BEFORE UPDATE OF
  hold_nusd, state, actual_nusd, overrun_nusd, usage_json, reason, closed_us
ON call
WHEN NOT (
  OLD.hold_nusd = NEW.hold_nusd AND (
    (OLD.state = 'open' AND NEW.state IN ('settled', 'uncertain', 'released'))
    OR (OLD.state = 'uncertain' AND NEW.state IN ('settled', 'released'))
    OR (OLD.state = 'reserved' AND NEW.state = 'released')
    OR (OLD.state = 'released' AND NEW.state = 'settled' AND OLD.attempt > 0))
  OR (OLD.state = 'reserved' AND NEW.state = 'reserved'))
BEGIN
  SELECT RAISE(ABORT, 'a call changes only along its states');
END;

UPDATE schema SET version = 5 WHERE version < 5;

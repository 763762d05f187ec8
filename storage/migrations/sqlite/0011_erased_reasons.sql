-- The audit log stays append-only, but for the words of a person who is to be forgotten: their reasons become empty, also
-- where an entry repeats the one of a freeze or a pause. Who did what when, and every amount, stay.
DROP TRIGGER audit_unchanged;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
WHEN NEW.id <> OLD.id OR NEW.at_us <> OLD.at_us OR NEW.workspace <> OLD.workspace OR NEW.actor <> OLD.actor
  OR NEW.action <> OLD.action OR NEW.account <> OLD.account OR NEW.reason NOT IN ('', OLD.reason)
  OR json_remove(NEW.before_json, '$.frozen_reason', '$.paused_reason')
    <> json_remove(OLD.before_json, '$.frozen_reason', '$.paused_reason')
  OR json_remove(NEW.after_json, '$.frozen_reason', '$.paused_reason')
    <> json_remove(OLD.after_json, '$.frozen_reason', '$.paused_reason')
  OR NOT EXISTS (SELECT 1 FROM erasure WHERE workspace = OLD.workspace AND kind = 'person' AND done_us IS NULL)
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;

UPDATE schema SET version = 11 WHERE version < 11;

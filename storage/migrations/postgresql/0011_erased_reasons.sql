-- The audit log stays append-only, but for the words of a person who is to be forgotten: their reasons become empty, also
-- where an entry repeats the one of a freeze or a pause. Who did what when, and every amount, stay.
DROP TRIGGER audit_kept ON audit;
CREATE TRIGGER audit_kept BEFORE DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_guard();

CREATE FUNCTION audit_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.at_us, NEW.workspace, NEW.actor, NEW.action, NEW.account)
      IS DISTINCT FROM (OLD.id, OLD.at_us, OLD.workspace, OLD.actor, OLD.action, OLD.account)
    OR NEW.reason NOT IN ('', OLD.reason)
    OR NEW.before_json::jsonb - 'frozen_reason' - 'paused_reason'
      <> OLD.before_json::jsonb - 'frozen_reason' - 'paused_reason'
    OR NEW.after_json::jsonb - 'frozen_reason' - 'paused_reason'
      <> OLD.after_json::jsonb - 'frozen_reason' - 'paused_reason'
    OR NOT EXISTS (SELECT 1 FROM erasure WHERE workspace = OLD.workspace AND kind = 'person' AND done_us IS NULL)
  THEN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_words();

UPDATE schema SET version = 11 WHERE version < 11;

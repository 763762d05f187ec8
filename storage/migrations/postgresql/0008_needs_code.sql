-- Old code beside new: a run that needs newer code than a process has is neither claimed, delivered nor ended by it.
-- needs_code is the first code version that can execute the run, 0 for any. Code from version 8 on asks for it, and sets
-- claim_epoch with every claim; older code does not, and its change of such a row is skipped as if another owner came first.
ALTER TABLE run ADD COLUMN needs_code BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN claim_epoch BIGINT NOT NULL DEFAULT 0;

CREATE FUNCTION change_skipped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RETURN NULL;
END $$;
CREATE TRIGGER run_needs_code BEFORE UPDATE OF epoch ON run FOR EACH ROW
WHEN (OLD.needs_code > 0 AND NEW.epoch <> OLD.epoch AND NEW.claim_epoch <> NEW.epoch)
EXECUTE FUNCTION change_skipped();

-- Older code occupies the thread before it claims the run; an unclaimed one would keep the thread from the others.
CREATE FUNCTION thread_entered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM run WHERE id = NEW.active_run AND needs_code > 0 AND status = 'accepted') THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER thread_needs_code BEFORE INSERT ON thread FOR EACH ROW
WHEN (NEW.active_run IS NOT NULL)
EXECUTE FUNCTION thread_entered();

UPDATE schema SET version = 8 WHERE version < 8;

-- No table changes. Runs of rosters with tools may be dry from this version on: older programs, which would call what acts,
-- leave runs alone that need newer code than theirs.
UPDATE schema SET version = 16 WHERE version < 16;

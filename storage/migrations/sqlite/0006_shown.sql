-- What a message of a run was last edited to show, so that whoever goes on for a dead process edits only what differs.
ALTER TABLE slack_out ADD COLUMN shows TEXT NOT NULL DEFAULT '';

UPDATE schema SET version = 6 WHERE version < 6;

-- What a person chose for themselves in a workspace, by name; what has no row is as it is by default.
CREATE TABLE preference (
  workspace TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  changed_us BIGINT NOT NULL,
  CONSTRAINT preference_pk PRIMARY KEY (workspace, user_id, name)
);

UPDATE schema SET version = 10 WHERE version < 10;

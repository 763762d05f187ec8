-- What people asked us to forget: the message of a request (subject is channel:ts), or all of a person (subject is the
-- person). done_us is NULL until nothing of it is left, which a run that is not over holds up.
CREATE TABLE erasure (
  workspace TEXT NOT NULL,
  kind TEXT NOT NULL CONSTRAINT erasure_kind CHECK (kind IN ('message', 'person')),
  subject TEXT NOT NULL,
  requested_us BIGINT NOT NULL,
  done_us BIGINT,
  CONSTRAINT erasure_pk PRIMARY KEY (workspace, kind, subject)
);
CREATE INDEX erasure_waiting ON erasure (requested_us) WHERE done_us IS NULL;

UPDATE schema SET version = 9 WHERE version < 9;

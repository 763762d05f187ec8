-- Files that came with requests, counted per person and channel. Contents of pictures are chunks in a table of their own:
-- any worker reads them, and none of the other tables grows. Pictures are compressed already.
CREATE TABLE stored_file (
  id TEXT NOT NULL CONSTRAINT stored_file_pk PRIMARY KEY,
  run_id TEXT NOT NULL,
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  user_id TEXT NOT NULL,
  bytes BIGINT NOT NULL CONSTRAINT stored_file_bytes CHECK (bytes >= 0),
  created_us BIGINT NOT NULL
);
CREATE INDEX stored_file_by_run ON stored_file (run_id);
CREATE INDEX stored_file_by_person ON stored_file (workspace, user_id);
CREATE INDEX stored_file_by_channel ON stored_file (workspace, channel);

CREATE TABLE file_chunk (
  file_id TEXT NOT NULL CONSTRAINT file_chunk_file REFERENCES stored_file (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  data BYTEA NOT NULL,
  CONSTRAINT file_chunk_pk PRIMARY KEY (file_id, number)
);
ALTER TABLE file_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

UPDATE schema SET version = 15 WHERE version < 15;

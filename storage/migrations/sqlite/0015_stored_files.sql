-- Files that came with requests, counted per person and channel. Contents of pictures are files of their own in the folder
-- `<database>-files`, one for each row that has any: as rows they would pass through the write-ahead log and keep the
-- ledger's one writer waiting. What has no row is deleted there.
CREATE TABLE stored_file (
  id TEXT NOT NULL CONSTRAINT stored_file_pk PRIMARY KEY,
  run_id TEXT NOT NULL,
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  user_id TEXT NOT NULL,
  bytes INTEGER NOT NULL CONSTRAINT stored_file_bytes CHECK (bytes >= 0),
  created_us INTEGER NOT NULL
) STRICT;
CREATE INDEX stored_file_by_run ON stored_file (run_id);
CREATE INDEX stored_file_by_person ON stored_file (workspace, user_id);
CREATE INDEX stored_file_by_channel ON stored_file (workspace, channel);

UPDATE schema SET version = 15 WHERE version < 15;

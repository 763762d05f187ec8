-- What is known of a tool call beside its money, which stands in call under the same id. A table of its own, because
-- programs that know no tools read the rows of call by position.
CREATE TABLE tool_call (
  call_id TEXT NOT NULL CONSTRAINT tool_call_pk PRIMARY KEY,
  run_id TEXT NOT NULL,
  workspace TEXT NOT NULL,
  tool TEXT NOT NULL,
  arguments_hash TEXT NOT NULL,
  is_repeatable INTEGER NOT NULL CONSTRAINT tool_call_is_repeatable CHECK (is_repeatable IN (0, 1)),
  timeout_ms INTEGER NOT NULL,
  approved_by TEXT NOT NULL DEFAULT '',
  bytes_read INTEGER,
  is_error INTEGER CONSTRAINT tool_call_is_error CHECK (is_error IN (0, 1)),
  elapsed_ms INTEGER
) STRICT;
CREATE INDEX tool_call_by_run ON tool_call (run_id);

UPDATE schema SET version = 12 WHERE version < 12;

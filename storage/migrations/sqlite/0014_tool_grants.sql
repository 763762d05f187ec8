-- Standing approvals of tools, each for one channel and one description of the tool. Which tools are on in a channel is
-- a setting of the channel.
CREATE TABLE tool_grant (
  id TEXT NOT NULL CONSTRAINT tool_grant_pk PRIMARY KEY,
  workspace TEXT NOT NULL,
  channel TEXT NOT NULL,
  tool TEXT NOT NULL,
  schema_hash TEXT NOT NULL,
  given_by TEXT NOT NULL,
  given_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL,
  CONSTRAINT tool_grant_once UNIQUE (workspace, channel, tool, schema_hash)
) STRICT;

UPDATE schema SET version = 14 WHERE version < 14;

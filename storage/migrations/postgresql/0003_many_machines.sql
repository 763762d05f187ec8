-- What the processes of several machines share besides runs and money.

-- Who may talk to Slack next, by workspace and kind of call: one small row each, rewritten with every call. Unlogged,
-- because a lost slot costs at most one refusal.
CREATE UNLOGGED TABLE pace (
  key TEXT NOT NULL CONSTRAINT pace_pk PRIMARY KEY,
  due_us BIGINT NOT NULL,
  held_us BIGINT NOT NULL DEFAULT 0
);

-- Which of Procrastinate's own migrations its tables have had.
CREATE TABLE queue_migration (
  name TEXT NOT NULL CONSTRAINT queue_migration_pk PRIMARY KEY,
  at_us BIGINT NOT NULL
);

UPDATE schema SET version = 3;

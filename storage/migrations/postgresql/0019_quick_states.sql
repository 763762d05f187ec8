-- Nothing changes: what SQLite checks more quickly now, PostgreSQL never made a table of.
UPDATE schema SET version = 19 WHERE version < 19;

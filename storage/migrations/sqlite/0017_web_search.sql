-- Rosters may name the web search of a model's provider, and usage_json may count its searches. Nothing of the tables
-- changes; runs of such rosters are left alone by programs before this version, which could not read them.

UPDATE schema SET version = 17 WHERE version < 17;

-- Apps with token rotation: a token that lives for hours, and one that is good once for the next pair.
-- expires_us is 0 where the token never does; renewing_until_us is the claim of the one process that asks for the pair.
ALTER TABLE installation ADD COLUMN refresh_token TEXT NOT NULL DEFAULT '';
ALTER TABLE installation ADD COLUMN expires_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN renewing_until_us INTEGER NOT NULL DEFAULT 0;

UPDATE schema SET version = 7 WHERE version < 7;

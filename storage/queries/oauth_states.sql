-- name: use_state
-- Remember a state that was used; only the first caller gets a row.
INSERT INTO oauth_state (state, expires_us) VALUES (:state, :expires_us)
ON CONFLICT DO NOTHING
RETURNING state;

-- name: drop_old_states
-- Delete used states that are too old to be accepted anyway.
DELETE FROM oauth_state WHERE expires_us <= :now_us;

-- name: drop_surplus_states
-- Delete the oldest used states beyond a number, so that nobody fills the table.
DELETE FROM oauth_state
WHERE state IN (SELECT state FROM oauth_state ORDER BY expires_us DESC, state LIMIT 1000000 OFFSET :most);

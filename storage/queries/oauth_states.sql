-- name: issue_state
-- Store a state, good for one install.
INSERT INTO oauth_state (state, expires_us) VALUES (:state, :expires_us);

-- name: drop_old_states
-- Delete the states of installs that were never finished.
DELETE FROM oauth_state WHERE expires_us <= :now_us;

-- name: consume_state
-- Delete a state and return its expiry: only the first caller gets a row.
DELETE FROM oauth_state WHERE state = :state RETURNING expires_us;

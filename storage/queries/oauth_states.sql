-- name: issue_state
-- One install may come back with it.
INSERT INTO oauth_state (state, expires_us) VALUES (:state, :expires_us);

-- name: drop_old_states
-- Installs that nobody finished.
DELETE FROM oauth_state WHERE expires_us <= :now_us;

-- name: consume_state
-- Whoever removes it first may go on.
DELETE FROM oauth_state WHERE state = :state RETURNING expires_us;

-- name: give
-- Approve a tool in a channel; given again, it stands longer.
INSERT INTO tool_grant (id, workspace, channel, tool, schema_hash, given_by, given_us, expires_us)
VALUES (:id, :workspace, :channel, :tool, :schema_hash, :given_by, :now_us, :expires_us)
ON CONFLICT (workspace, channel, tool, schema_hash)
DO UPDATE SET given_by = excluded.given_by, given_us = excluded.given_us, expires_us = excluded.expires_us
WHERE tool_grant.expires_us < excluded.expires_us;

-- name: standing
-- Return the approvals of a channel that have not expired, by tool.
SELECT * FROM tool_grant WHERE workspace = :workspace AND channel = :channel AND expires_us > :now_us
ORDER BY tool, given_us;

-- name: revoke
-- Take one approval back.
DELETE FROM tool_grant WHERE workspace = :workspace AND channel = :channel AND id = :id RETURNING *;

-- name: delete_expired
-- Delete approvals whose time is over.
DELETE FROM tool_grant WHERE expires_us <= :now_us;

-- name: of_person
-- Return the approvals that a person gave, oldest first.
SELECT channel, tool, given_us, expires_us FROM tool_grant WHERE workspace = :workspace AND given_by = :user_id
ORDER BY given_us;

-- name: erase
-- Take back every approval that a person gave.
DELETE FROM tool_grant WHERE workspace = :workspace AND given_by = :user_id;

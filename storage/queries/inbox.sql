-- name: store_delivery
-- Keep what Slack sent before it is acknowledged; a key seen before writes nothing.
INSERT INTO inbox (key, workspace, kind, payload_json, received_us)
VALUES (:key, :workspace, :kind, :payload_json, :now_us)
ON CONFLICT DO NOTHING
RETURNING key;

-- name: claim_delivery
-- Deal with it again: of several processes the one that moves its time, and for a while no other.
UPDATE inbox SET received_us = :now_us WHERE key = :key AND done_us IS NULL AND received_us = :received_us
RETURNING key;

-- name: finish_delivery
-- The delivery has been dealt with.
UPDATE inbox SET done_us = :now_us, note = :note WHERE key = :key AND done_us IS NULL;

-- name: find_delivery
-- A stored payload.
SELECT payload_json FROM inbox WHERE key = :key AND workspace = :workspace;

-- name: open_deliveries
-- What was stored and never dealt with, oldest first.
SELECT key, workspace, kind, payload_json, received_us FROM inbox
WHERE done_us IS NULL AND received_us < :before_us ORDER BY received_us LIMIT :most;

-- name: forget_deliveries
-- Drop payloads that were dealt with long ago: they hold message text.
DELETE FROM inbox WHERE done_us IS NOT NULL AND received_us < :before_us;

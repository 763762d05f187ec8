-- name: store_delivery
-- Store a delivery before it is acknowledged; a key stored before writes nothing.
INSERT INTO inbox (key, workspace, kind, payload_json, received_us)
VALUES (:key, :workspace, :kind, :payload_json, :now_us)
ON CONFLICT DO NOTHING
RETURNING key;

-- name: claim_delivery
-- Claim a delivery for another attempt: a compare-and-set on its received time, so that one process wins.
UPDATE inbox SET received_us = :now_us WHERE key = :key AND done_us IS NULL AND received_us = :received_us
RETURNING key;

-- name: finish_delivery
-- Mark a delivery as processed.
UPDATE inbox SET done_us = :now_us, note = :note WHERE key = :key AND done_us IS NULL;

-- name: find_delivery
-- Return a stored payload.
SELECT payload_json FROM inbox WHERE key = :key AND workspace = :workspace;

-- name: open_deliveries
-- Return deliveries that were stored and not processed, oldest first.
SELECT key, workspace, kind, payload_json, received_us FROM inbox
WHERE done_us IS NULL AND received_us < :before_us ORDER BY received_us LIMIT :most;

-- name: delete_processed_deliveries
-- Delete payloads that were processed long ago: they hold message text.
DELETE FROM inbox WHERE done_us IS NOT NULL AND received_us < :before_us;

-- name: book
-- Take the next free slot under a key.
INSERT INTO pace (key, due_us) VALUES (:key, :now_us + :interval_us)
ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, :now_us) + :interval_us
RETURNING due_us - :now_us AS ahead_us;

-- name: hold_back
-- Slack said to wait: nothing under these keys leaves sooner.
INSERT INTO pace (key, due_us, held_us)
SELECT held.key, held.due_us, :until_us
FROM unnest(:keys::text[], :dues_us::bigint[]) AS held(key, due_us) ORDER BY held.key
ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, EXCLUDED.due_us),
                                held_us = GREATEST(pace.held_us, EXCLUDED.held_us);

-- name: held
-- How long Slack's latest word to wait is still in force.
SELECT COALESCE(MAX(held_us) - :now_us, 0) AS held_us FROM pace WHERE key = :key;

-- name: book
-- Take the next free slot under each key, all of them or none. In the order of the keys, so that two processes never
-- wait for each other.
INSERT INTO pace (key, due_us)
SELECT wanted.key, :now_us + wanted.interval_us
FROM unnest(:keys::text[], :intervals_us::bigint[]) AS wanted(key, interval_us) ORDER BY wanted.key
ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, :now_us) + EXCLUDED.due_us - :now_us
RETURNING key, due_us - :now_us AS ahead_us;

-- name: hold_back
-- Slack said to wait: nothing under these keys leaves sooner.
INSERT INTO pace (key, due_us, held_us)
SELECT held.key, held.due_us, :until_us
FROM unnest(:keys::text[], :dues_us::bigint[]) AS held(key, due_us) ORDER BY held.key
ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, EXCLUDED.due_us),
                                held_us = GREATEST(pace.held_us, EXCLUDED.held_us);

-- name: held
-- How long Slack's latest word to wait is still in force.
SELECT COALESCE(MAX(held_us) - :now_us, 0) AS held_us FROM pace WHERE key IN :keys...;

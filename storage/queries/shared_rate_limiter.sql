-- name: take
-- Advance the key's theoretical arrival time (GCRA) if a slot is free now; return no row if none is.
INSERT INTO pace (key, due_us) VALUES (:key, :now_us + :interval_us)
ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, :now_us) + :interval_us
WHERE pace.due_us <= :now_us + :allowance_us
RETURNING due_us;

-- name: take_both
-- Take the slot of a key, and where it is free that of another; return how many were taken.
WITH one AS (
  INSERT INTO pace (key, due_us) VALUES (:key, :now_us + :interval_us)
  ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, :now_us) + :interval_us
  WHERE pace.due_us <= :now_us + :allowance_us
  RETURNING key
), two AS (
  INSERT INTO pace (key, due_us) SELECT :then_key, :now_us + :then_interval_us FROM one
  ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, :now_us) + :then_interval_us
  WHERE pace.due_us <= :now_us + :then_allowance_us
  RETURNING key
)
SELECT (SELECT COUNT(*) FROM one) + (SELECT COUNT(*) FROM two) AS taken;

-- name: due
-- Return the theoretical arrival time of a key.
SELECT due_us FROM pace WHERE key = :key;

-- name: hold_back
-- Move keys on to at least the time Slack asked us to wait for.
INSERT INTO pace (key, due_us)
SELECT held.key, held.due_us
FROM unnest(:keys::text[], :dues_us::bigint[]) AS held(key, due_us) ORDER BY held.key
ON CONFLICT (key) DO UPDATE SET due_us = GREATEST(pace.due_us, EXCLUDED.due_us);

-- name: lock_channel
-- Serialise the decisions about one channel's runs until the commit. PostgreSQL only, as all of this file.
SELECT pg_advisory_xact_lock(hashtextextended(:key, 0)) AS locked;

-- name: take_waiting_runs
-- Lease the channel's waiting runs to the job queue, as many as its share has room for: whoever has the fewest there
-- first, each person's oldest first. When no worker has claimed a run by the end of the lease, it is enqueued again.
UPDATE run SET lease_owner = 'queue', lease_until_us = :until_us
WHERE id IN (
  SELECT waiting.id FROM run waiting
  LEFT JOIN thread ON thread.workspace = waiting.workspace AND thread.channel = waiting.channel
                  AND thread.thread_ts = waiting.thread_ts
  WHERE waiting.workspace = :workspace AND waiting.channel = :channel AND waiting.kind = 'slack'
    AND waiting.status IN ('accepted', 'running') AND waiting.lease_until_us <= :now_us
    AND waiting.needs_code <= :code
    AND (thread.active_run IS NULL OR thread.active_run = waiting.id)
  ORDER BY ROW_NUMBER() OVER (PARTITION BY waiting.user_id ORDER BY waiting.created_us) + (
    SELECT COUNT(*) FROM run own
    WHERE own.workspace = :workspace AND own.channel = :channel AND own.kind = 'slack'
      AND own.user_id = waiting.user_id AND own.status IN ('accepted', 'running') AND own.lease_until_us > :now_us),
    waiting.created_us
  LIMIT GREATEST(0, :share - (
    SELECT COUNT(*) FROM run busy
    WHERE busy.workspace = :workspace AND busy.channel = :channel AND busy.kind = 'slack'
      AND busy.status IN ('accepted', 'running') AND busy.lease_until_us > :now_us)))
RETURNING id;

-- name: waiting_channels
-- Return the channels with runs that wait for a worker.
SELECT DISTINCT workspace, channel FROM run
WHERE kind = 'slack' AND status IN ('accepted', 'running') AND lease_until_us <= :now_us AND needs_code <= :code;

-- name: waiting_before
-- Return how many waiting runs of the same person were accepted before this one; nothing when no worker is what it
-- waits for.
SELECT CAST(COUNT(earlier.id) AS BIGINT) AS ahead FROM run
LEFT JOIN run earlier ON earlier.workspace = run.workspace AND earlier.user_id = run.user_id
  AND earlier.kind = 'slack' AND earlier.status IN ('accepted', 'running') AND earlier.lease_until_us <= :now_us
  AND (earlier.created_us, earlier.id) < (run.created_us, run.id)
WHERE run.id = :id AND run.status = 'accepted' AND run.lease_until_us <= :now_us
GROUP BY run.id;

-- name: channel_of
-- Return the channel of a run.
SELECT workspace, channel FROM run WHERE id = :id;

-- name: release_slot
-- End the queue's lease of a run that cannot go on now, because its thread works on another: the end of that one
-- enqueues it again.
UPDATE run SET lease_until_us = 0 WHERE id = :id AND status IN ('accepted', 'running') AND lease_owner = 'queue';

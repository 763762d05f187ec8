-- name: lock_channel
-- Serialise the decisions about one channel's runs until the commit. PostgreSQL only, as all of this file.
SELECT pg_advisory_xact_lock(hashtextextended(:key, 0)) AS locked;

-- name: lock_people
-- Serialise, after the channel's lock, the decisions about those whose turn it seems to be, and return them: their runs
-- in other channels count too. Locked in one order, so that two channels never wait for each other.
WITH busy AS (
  SELECT user_id, channel FROM run
  WHERE workspace = :workspace AND kind = 'slack' AND status IN ('accepted', 'running') AND lease_until_us > :now_us
), working AS (
  SELECT user_id, COUNT(*) AS runs FROM busy GROUP BY user_id
), next AS (
  SELECT waiting.user_id FROM run waiting
  LEFT JOIN working ON working.user_id = waiting.user_id
  LEFT JOIN thread ON thread.workspace = waiting.workspace AND thread.channel = waiting.channel
                  AND thread.thread_ts = waiting.thread_ts
  WHERE waiting.workspace = :workspace AND waiting.channel = :channel AND waiting.kind = 'slack'
    AND waiting.status IN ('accepted', 'running') AND waiting.lease_until_us <= :now_us
    AND waiting.needs_code <= :code
    AND (thread.active_run IS NULL OR thread.active_run = waiting.id)
    AND COALESCE(working.runs, 0) < :person_share
  GROUP BY waiting.user_id, working.runs
  ORDER BY COALESCE(working.runs, 0), MIN(waiting.created_us)
  LIMIT GREATEST(0, :share - (SELECT COUNT(*) FROM busy WHERE channel = :channel))
), in_order AS MATERIALIZED (
  SELECT user_id, hashtextextended(:workspace || '/' || user_id, 1) AS key FROM next ORDER BY 2
)
SELECT user_id, pg_advisory_xact_lock(key) AS locked FROM in_order;

-- name: take_waiting_runs
-- Lease waiting runs of these people in the channel to the job queue, as many as the channel's share and each person's
-- have room for: whoever has the fewest with workers, in any channel, comes first, each person's oldest first. When no
-- worker has claimed a run by the end of the lease, it is enqueued again.
WITH busy AS (
  SELECT user_id, channel FROM run
  WHERE workspace = :workspace AND kind = 'slack' AND status IN ('accepted', 'running') AND lease_until_us > :now_us
), working AS (
  SELECT user_id, COUNT(*) AS runs FROM busy GROUP BY user_id
), line AS (
  SELECT waiting.id, waiting.created_us, COALESCE(working.runs, 0)
    + ROW_NUMBER() OVER (PARTITION BY waiting.user_id ORDER BY waiting.created_us) AS turn
  FROM run waiting
  LEFT JOIN working ON working.user_id = waiting.user_id
  LEFT JOIN thread ON thread.workspace = waiting.workspace AND thread.channel = waiting.channel
                  AND thread.thread_ts = waiting.thread_ts
  WHERE waiting.workspace = :workspace AND waiting.channel = :channel AND waiting.kind = 'slack'
    AND waiting.status IN ('accepted', 'running') AND waiting.lease_until_us <= :now_us
    AND waiting.needs_code <= :code AND waiting.user_id IN :people...
    AND (thread.active_run IS NULL OR thread.active_run = waiting.id)
)
UPDATE run SET lease_owner = 'queue', lease_until_us = :until_us
WHERE id IN (
  SELECT id FROM line WHERE turn <= :person_share
  ORDER BY turn, created_us
  LIMIT GREATEST(0, :share - (SELECT COUNT(*) FROM busy WHERE channel = :channel)))
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

-- name: channels_of
-- Return the channel of a run, and the one where its person has waited the longest: a place of theirs is free.
-- has_waiting: something waits there. Where a share was full it counts too: a request that was accepted meanwhile has
-- seen it so, and may not be visible yet. is_stuck: no worker could claim the run.
WITH mine AS (SELECT * FROM run WHERE id = :id),
waiting AS (
  SELECT run.* FROM run JOIN mine ON run.workspace = mine.workspace
   AND (run.channel = mine.channel OR run.user_id = mine.user_id)
  WHERE run.kind = 'slack' AND run.status IN ('accepted', 'running') AND run.lease_until_us <= :now_us
    AND run.needs_code <= :code
), busy AS (
  SELECT run.* FROM run JOIN mine ON run.workspace = mine.workspace
   AND (run.channel = mine.channel OR run.user_id = mine.user_id)
  WHERE run.kind = 'slack' AND run.status IN ('accepted', 'running') AND run.lease_until_us > :now_us
    AND run.id <> mine.id
)
SELECT workspace, channel, lease_owner = 'queue' AND status IN ('accepted', 'running') AS is_stuck,
       EXISTS (SELECT 1 FROM waiting WHERE waiting.channel = mine.channel)
    OR (SELECT COUNT(*) FROM busy WHERE busy.channel = mine.channel) >= :share - 1
    OR (SELECT COUNT(*) FROM busy WHERE busy.user_id = mine.user_id) >= :person_share - 1 AS has_waiting
FROM mine
UNION ALL
(SELECT waiting.workspace, waiting.channel, FALSE, TRUE FROM waiting JOIN mine ON waiting.user_id = mine.user_id
 WHERE waiting.channel <> mine.channel ORDER BY waiting.created_us LIMIT 1);

-- name: next_expiry
-- Return when the first lease of a run that can go on is over; nothing for none.
SELECT MIN(lease_until_us) AS at_us FROM run
WHERE kind = 'slack' AND status IN ('accepted', 'running') AND lease_until_us > :now_us;

-- name: release_slot
-- End the queue's lease of a run that cannot go on now, because its thread works on another: the end of that one
-- enqueues it again.
UPDATE run SET lease_until_us = 0 WHERE id = :id AND status IN ('accepted', 'running') AND lease_owner = 'queue';

-- Statements of code version 7, word for word: what a program of before `needs_code` does to runs beside a newer one.

-- name: claim_run
-- Own a run: the epoch rises, and whoever held the old one can neither hold money nor publish.
UPDATE run SET status = 'running', epoch = epoch + 1, lease_owner = :owner, lease_until_us = :lease_until_us
WHERE id = :id
  AND (status = 'accepted' OR (status = 'running' AND (lease_until_us <= :now_us OR lease_owner = 'queue')))
RETURNING *;

-- name: occupy_thread
-- A thread works on one run at a time, parked ones included.
INSERT INTO thread (workspace, channel, thread_ts, active_run, owner_user)
VALUES (:workspace, :channel, :thread_ts, :run_id, :user_id)
ON CONFLICT (workspace, channel, thread_ts) DO UPDATE SET active_run = :run_id
WHERE thread.active_run IS NULL OR thread.active_run = :run_id
RETURNING active_run;

-- name: claim_telling
-- Tell what an owner that is gone left untold: an ending, a question.
UPDATE run SET epoch = epoch + 1, lease_owner = :owner, lease_until_us = :lease_until_us
WHERE id = :id AND status IN ('done', 'parked') AND lease_until_us <= :now_us
RETURNING *;

-- name: wake_run
-- A decision came: somebody may claim the run again.
UPDATE run SET status = 'accepted', lease_until_us = 0 WHERE id = :id AND status = 'parked'
RETURNING id;

-- name: cancel_run
-- Ask a run to stop; the first to ask is remembered.
UPDATE run SET cancel_requested_by = :user_id
WHERE id = :id AND status <> 'done' AND cancel_requested_by IS NULL
RETURNING id;

-- name: break_leases
-- The bot's role has a new holder: whoever owned a run of Slack is dead.
UPDATE run SET lease_until_us = 0 WHERE kind = 'slack' AND lease_until_us > 0;

-- name: open_runs
-- Runs of Slack that somebody has to go on with.
SELECT id FROM run WHERE kind = 'slack' AND status IN ('accepted', 'running') ORDER BY created_us;

-- name: waiting_runs
-- Runs of Slack that nobody executes although their thread is free or they only have to be ended, oldest first.
SELECT run.id FROM run
LEFT JOIN thread ON thread.workspace = run.workspace AND thread.channel = run.channel
                AND thread.thread_ts = run.thread_ts
WHERE run.kind = 'slack' AND run.status IN ('accepted', 'running') AND run.lease_until_us <= :now_us
  AND (thread.active_run IS NULL OR thread.active_run = run.id OR run.cancel_requested_by IS NOT NULL)
ORDER BY run.created_us;

-- name: undelivered_runs
-- Finished runs whose answer has not reached the thread.
SELECT DISTINCT run.id, run.created_us FROM run JOIN slack_out ON slack_out.run_id = run.id
WHERE run.status = 'done' AND slack_out.state = 'intended' ORDER BY run.created_us;

-- name: unasked_runs
-- Parked runs of Slack whose question does not stand in the thread, or has been decided without waking the run.
SELECT run.id FROM run
WHERE run.kind = 'slack' AND run.status = 'parked' AND NOT EXISTS (
  SELECT 1 FROM question JOIN slack_out ON slack_out.run_id = question.run_id AND slack_out.name = 'ask/' || question.path
  WHERE question.run_id = run.id AND question.decided_us IS NULL AND slack_out.state <> 'intended')
ORDER BY run.created_us;

-- name: hand_over
-- Give the channel's oldest waiting runs to the workers, as many as its share has room for. Handed over is a lease of
-- the queue: when no worker has claimed the run by its end, it is handed over again.
UPDATE run SET lease_owner = 'queue', lease_until_us = :until_us
WHERE id IN (
  SELECT waiting.id FROM run waiting
  LEFT JOIN thread ON thread.workspace = waiting.workspace AND thread.channel = waiting.channel
                  AND thread.thread_ts = waiting.thread_ts
  WHERE waiting.workspace = :workspace AND waiting.channel = :channel AND waiting.kind = 'slack'
    AND waiting.status IN ('accepted', 'running') AND waiting.lease_until_us <= :now_us
    AND (thread.active_run IS NULL OR thread.active_run = waiting.id)
  ORDER BY waiting.created_us
  LIMIT GREATEST(0, :share - (
    SELECT COUNT(*) FROM run busy
    WHERE busy.workspace = :workspace AND busy.channel = :channel AND busy.kind = 'slack'
      AND busy.status IN ('accepted', 'running') AND busy.lease_until_us > :now_us)))
RETURNING id;

-- name: hand_back
-- The run cannot go on now, because its thread works on another: whoever ends that one hands it over again.
UPDATE run SET lease_until_us = 0 WHERE id = :id AND status IN ('accepted', 'running') AND lease_owner = 'queue';

-- name: insert_run
-- Accept a request; the delivery key makes a second delivery of it write nothing.
INSERT INTO run (id, workspace, channel, channel_kind, thread_ts, user_id, kind, request_content, flow, options_json,
                 status, stop_reason, epoch, roster_hash, executed_ms, cost_nusd, created_us, delivery_key)
VALUES (:id, :workspace, :channel, :channel_kind, :thread_ts, :user_id, :kind, :request_content, :flow, :options_json,
        'accepted', '', 0, :roster_hash, 0, 0, :now_us, :delivery_key)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: run_of_delivery
-- The run that a delivery opened.
SELECT id FROM run WHERE workspace = :workspace AND delivery_key = :delivery_key;

-- name: insert_snapshot
-- Keep a roster with its prompts under its hash, once.
INSERT INTO snapshot (hash, json) VALUES (:hash, :json) ON CONFLICT DO NOTHING;

-- name: find_snapshot
-- The roster and prompts a run was accepted under.
SELECT json FROM snapshot WHERE hash = :hash;

-- name: insert_content
-- Keep a text apart from the money, so that it can be forgotten.
INSERT INTO content (id, run_id, workspace, kind, text, created_us)
VALUES (:id, :run_id, :workspace, :kind, :text, :now_us)
ON CONFLICT DO NOTHING;

-- name: find_content
-- A kept text, if it has not been forgotten.
SELECT text FROM content WHERE id = :id;

-- name: find_run
-- One run.
SELECT * FROM run WHERE id = :id;

-- name: lock_run
-- One run, nobody else's to change until we commit.
SELECT * FROM run WHERE id = :id FOR UPDATE;

-- name: claim_run
-- Own a run: the epoch rises, and whoever held the old one can neither hold money nor publish.
UPDATE run SET status = 'running', epoch = epoch + 1, lease_owner = :owner, lease_until_us = :lease_until_us
WHERE id = :id
  AND (status = 'accepted' OR (status = 'running' AND (lease_until_us <= :now_us OR lease_owner = 'queue')))
RETURNING *;

-- name: renew_lease
-- Say that the owner is alive, and how long the run has been executing.
UPDATE run SET lease_until_us = :lease_until_us, executed_ms = :executed_ms WHERE id = :id AND epoch = :epoch
RETURNING cancel_requested_by;

-- name: release_lease
-- Let go of a run that somebody shall go on with, or of which nothing is left to tell.
UPDATE run SET lease_until_us = 0, executed_ms = :executed_ms WHERE id = :id AND epoch = :epoch;

-- name: break_leases
-- The bot's role has a new holder: whoever owned a run of Slack is dead.
UPDATE run SET lease_until_us = 0 WHERE kind = 'slack' AND lease_until_us > 0;

-- name: place_run
-- Remember where the run lives: its root message and thread.
UPDATE run SET root_ts = :root_ts, thread_ts = :thread_ts WHERE id = :id AND epoch = :epoch
RETURNING id;

-- name: set_flow
-- Remember what was chosen and what it costs at most.
UPDATE run SET flow = :flow, worst_nusd = :worst_nusd WHERE id = :id AND epoch = :epoch
RETURNING id;

-- name: park_run
-- Wait for a person. The lease stays until the question stands in the thread.
UPDATE run SET status = 'parked', executed_ms = :executed_ms
WHERE id = :id AND epoch = :epoch AND status = 'running'
RETURNING id;

-- name: wake_run
-- A decision came: somebody may claim the run again.
UPDATE run SET status = 'accepted', lease_until_us = 0 WHERE id = :id AND status = 'parked'
RETURNING id;

-- name: finish_run
-- The end of a run; only its owner may write it, once. The lease stays until the ending is told.
UPDATE run SET status = 'done', stop_reason = :stop_reason, cost_nusd = :cost_nusd, executed_ms = :executed_ms,
               finished_us = :now_us
WHERE id = :id AND epoch = :epoch AND status IN ('running', 'accepted', 'parked')
RETURNING id;

-- name: cancel_run
-- Ask a run to stop; the first to ask is remembered.
UPDATE run SET cancel_requested_by = :user_id
WHERE id = :id AND status <> 'done' AND cancel_requested_by IS NULL
RETURNING id;

-- name: occupy_thread
-- A thread works on one run at a time, parked ones included.
INSERT INTO thread (workspace, channel, thread_ts, active_run, owner_user)
VALUES (:workspace, :channel, :thread_ts, :run_id, :user_id)
ON CONFLICT (workspace, channel, thread_ts) DO UPDATE SET active_run = :run_id
WHERE thread.active_run IS NULL OR thread.active_run = :run_id
RETURNING active_run;

-- name: find_thread
-- What we know of a thread.
SELECT * FROM thread WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts;

-- name: vacate_thread
-- The thread's run is over.
UPDATE thread SET active_run = NULL
WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts AND active_run = :run_id
RETURNING active_run;

-- name: next_in_thread
-- The oldest request that waits for its thread.
SELECT id FROM run
WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts AND status = 'accepted'
ORDER BY created_us LIMIT 1;

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

-- name: unasked_runs
-- Parked runs of Slack whose question does not stand in the thread, or has been decided without waking the run.
SELECT run.id FROM run
WHERE run.kind = 'slack' AND run.status = 'parked' AND NOT EXISTS (
  SELECT 1 FROM question JOIN slack_out ON slack_out.run_id = question.run_id AND slack_out.name = 'ask/' || question.path
  WHERE question.run_id = run.id AND question.decided_us IS NULL AND slack_out.state <> 'intended')
ORDER BY run.created_us;

-- name: claim_telling
-- Tell what an owner that is gone left untold: an ending, a question.
UPDATE run SET epoch = epoch + 1, lease_owner = :owner, lease_until_us = :lease_until_us
WHERE id = :id AND status IN ('done', 'parked') AND lease_until_us <= :now_us
RETURNING *;

-- name: undelivered_runs
-- Finished runs whose answer has not reached the thread.
SELECT DISTINCT run.id, run.created_us FROM run JOIN slack_out ON slack_out.run_id = run.id
WHERE run.status = 'done' AND slack_out.state = 'intended' ORDER BY run.created_us;

-- name: live_runs_of
-- Runs of a channel that are not over, newest first.
SELECT * FROM run WHERE workspace = :workspace AND channel = :channel AND status <> 'done' ORDER BY created_us DESC;

-- name: recent_runs
-- A person's latest runs.
SELECT * FROM run WHERE workspace = :workspace AND user_id = :user_id ORDER BY created_us DESC LIMIT :most;

-- name: earlier_in_thread
-- What was asked and answered in a thread before a run, newest first; what was forgotten is absent.
SELECT asked.text AS request, answered.text AS result
FROM run
JOIN content asked ON asked.id = run.request_content
JOIN content answered ON answered.id = run.id || ':result'
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.status = 'done' AND run.created_us < :before_us
ORDER BY run.created_us DESC LIMIT :most;

-- name: money_of
-- What the attempts of a run cost, by model.
SELECT model, CAST(COUNT(*) AS BIGINT) AS calls, CAST(SUM(actual_nusd) AS BIGINT) AS cost_nusd,
       CAST(SUM(CASE WHEN state = 'uncertain' THEN actual_nusd ELSE 0 END) AS BIGINT) AS uncertain_nusd
FROM call WHERE run_id = :run_id AND state IN ('settled', 'uncertain') GROUP BY model ORDER BY model;

-- name: insert_intent
-- Say what is about to be posted, before it is.
INSERT INTO slack_out (run_id, name, channel, state, at_us) VALUES (:run_id, :name, :channel, 'intended', :now_us)
ON CONFLICT DO NOTHING
RETURNING name;

-- name: find_out
-- What we know of a message.
SELECT * FROM slack_out WHERE run_id = :run_id AND name = :name;

-- name: mark_shown
-- What the message was edited to show.
UPDATE slack_out SET shows = :shows WHERE run_id = :run_id AND name = :name;

-- name: owed_of
-- What a run meant to post and nobody knows to stand.
SELECT name FROM slack_out WHERE run_id = :run_id AND state = 'intended' ORDER BY name;

-- name: mark_posted
-- The message stands in Slack under this timestamp.
UPDATE slack_out SET state = 'posted', ts = :ts, at_us = :now_us WHERE run_id = :run_id AND name = :name;

-- name: mark_abandoned
-- The message cannot be posted, for a reason that the log holds.
UPDATE slack_out SET state = 'abandoned', at_us = :now_us
WHERE run_id = :run_id AND name = :name AND state = 'intended'
RETURNING name;

-- name: insert_feedback
-- What a person thought of an answer; the latest word counts.
INSERT INTO feedback (run_id, user_id, value, at_us) VALUES (:run_id, :user_id, :value, :now_us)
ON CONFLICT (run_id, user_id) DO UPDATE SET value = :value, at_us = :now_us;

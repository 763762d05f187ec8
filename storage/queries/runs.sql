-- name: insert_run
-- Insert a request; a second delivery with the same key writes nothing.
INSERT INTO run (id, workspace, channel, channel_kind, thread_ts, user_id, kind, request_content, flow, options_json,
                 status, stop_reason, epoch, roster_hash, executed_ms, cost_nusd, created_us, delivery_key, needs_code)
VALUES (:id, :workspace, :channel, :channel_kind, :thread_ts, :user_id, :kind, :request_content, :flow, :options_json,
        'accepted', '', 0, :roster_hash, 0, 0, :now_us, :delivery_key, :needs_code)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: run_of_delivery
-- Return the run that a delivery opened.
SELECT id FROM run WHERE workspace = :workspace AND delivery_key = :delivery_key;

-- name: insert_snapshot
-- Store a roster with its prompts under its hash, once.
INSERT INTO snapshot (hash, json) VALUES (:hash, :json) ON CONFLICT DO NOTHING;

-- name: has_snapshot
-- Return the hash of a roster that is stored.
SELECT hash FROM snapshot WHERE hash = :hash;

-- name: find_snapshot
-- Return the roster and prompts a run was accepted under.
SELECT json FROM snapshot WHERE hash = :hash;

-- name: insert_content
-- Store a text apart from the money, so that it can be deleted.
INSERT INTO content (id, run_id, workspace, kind, text, created_us)
VALUES (:id, :run_id, :workspace, :kind, :text, :now_us)
ON CONFLICT DO NOTHING;

-- name: find_content
-- Return a text, if it has not been deleted.
SELECT text FROM content WHERE id = :id;

-- name: find_run
-- Return one run.
SELECT * FROM run WHERE id = :id;

-- name: run_named
-- Return one of the runs whose ids begin like that, and how many there are: those of a channel and of a person, or all
-- when no workspace is named. Beginnings are compared as equal, since collations disagree on which text comes first.
SELECT run.*, COUNT(*) OVER () AS fits FROM run
WHERE substr(id, 1, length(:said)) = :said
  AND (:workspace = '' OR (workspace = :workspace AND (channel = :channel OR user_id = :user_id))) LIMIT 1;

-- name: claim_run
-- Claim a run by compare-and-set: the epoch is the fencing token, so the former owner can neither hold money nor
-- publish. A run that needs newer code is not for us; claim_epoch tells the database that we have looked.
UPDATE run SET status = 'running', epoch = epoch + 1, claim_epoch = epoch + 1, lease_owner = :owner,
               lease_until_us = :lease_until_us
WHERE id = :id AND needs_code <= :code
  AND (status = 'accepted' OR (status = 'running' AND (lease_until_us <= :now_us OR lease_owner = 'queue')))
RETURNING *;

-- name: renew_lease
-- Extend the owner's lease and write how long the run has been executing. A lease that lasts longer stays: a tool call
-- has extended it; one that was given up stays so.
UPDATE run SET lease_until_us = CASE WHEN lease_until_us > :lease_until_us THEN lease_until_us ELSE :lease_until_us END,
               executed_ms = :executed_ms
WHERE id = :id AND epoch = :epoch AND lease_until_us > 0
RETURNING cancel_requested_by;

-- name: extend_lease
-- Let the owner's lease outlast a tool call that acts: nobody else claims the run while it may be sent.
UPDATE run SET lease_until_us = :lease_until_us
WHERE id = :id AND epoch = :epoch AND status = 'running' AND lease_until_us < :lease_until_us;

-- name: release_lease
-- End the owner's lease, so that another process can claim the run or the delivery of its messages.
UPDATE run SET lease_until_us = 0, executed_ms = :executed_ms WHERE id = :id AND epoch = :epoch;

-- name: expire_leases
-- Expire all leases of Slack runs: the bot's lock has a new holder, so their owners are dead.
UPDATE run SET lease_until_us = 0 WHERE kind = 'slack' AND lease_until_us > 0;

-- name: place_run
-- Write the root message and thread of a run.
UPDATE run SET root_ts = :root_ts, thread_ts = :thread_ts WHERE id = :id AND epoch = :epoch
RETURNING id;

-- name: set_flow
-- Write the chosen flow and its worst-case price.
UPDATE run SET flow = :flow, worst_nusd = :worst_nusd WHERE id = :id AND epoch = :epoch;

-- name: park_run
-- Park a run until a person decides. The lease stays until the question is posted.
UPDATE run SET status = 'parked', executed_ms = :executed_ms
WHERE id = :id AND epoch = :epoch AND status = 'running'
RETURNING id;

-- name: keep_going
-- End the owner's lease and leave the run claimable: what it waits for has been decided.
UPDATE run SET status = 'accepted', executed_ms = :executed_ms, lease_until_us = 0
WHERE id = :id AND epoch = :epoch AND status = 'running'
RETURNING id;

-- name: unpark_run
-- Make a parked run claimable again, after a decision.
UPDATE run SET status = 'accepted', lease_until_us = 0 WHERE id = :id AND status = 'parked'
RETURNING workspace, channel, user_id;

-- name: finish_run
-- End a run, with its cost or else what its attempts cost; only its owner can, once. The lease stays until the result is
-- delivered.
UPDATE run SET status = 'done', stop_reason = :stop_reason, executed_ms = :executed_ms, finished_us = :now_us,
               cost_nusd = COALESCE(CAST(:cost_nusd AS BIGINT),
                                    (SELECT CAST(COALESCE(SUM(actual_nusd), 0) AS BIGINT) FROM call
                                     WHERE run_id = :id AND state IN ('settled', 'uncertain')))
WHERE id = :id AND epoch = :epoch AND status IN ('running', 'accepted', 'parked')
RETURNING id, workspace, channel, thread_ts;

-- name: sum_cost
-- Write what the attempts of a run cost that has just ended, once more.
UPDATE run SET cost_nusd = (SELECT CAST(COALESCE(SUM(actual_nusd), 0) AS BIGINT) FROM call
                            WHERE run_id = :id AND state IN ('settled', 'uncertain'))
WHERE id = :id;

-- name: cancel_run
-- Ask a run to stop; the first to ask is stored.
UPDATE run SET cancel_requested_by = :user_id
WHERE id = :id AND status <> 'done' AND cancel_requested_by IS NULL
RETURNING id;

-- name: occupy_thread
-- Make a run the active one of its thread, if the thread is free; parked runs keep theirs.
INSERT INTO thread (workspace, channel, thread_ts, active_run, owner_user)
VALUES (:workspace, :channel, :thread_ts, :run_id, :user_id)
ON CONFLICT (workspace, channel, thread_ts) DO UPDATE SET active_run = :run_id
WHERE thread.active_run IS NULL OR thread.active_run = :run_id
RETURNING active_run;

-- name: vacate_thread
-- Free the thread of a run that is over.
UPDATE thread SET active_run = NULL
WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts AND active_run = :run_id;

-- name: next_in_thread
-- Return the oldest request that waits for its thread.
SELECT id FROM run
WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts AND status = 'accepted'
ORDER BY created_us LIMIT 1;

-- name: ahead_in_thread
-- Return how many requests of a thread were accepted before a run and are not over.
SELECT CAST(COUNT(*) AS BIGINT) AS ahead FROM run
WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts AND status <> 'done'
  AND (created_us, id) < (:created_us, :id);

-- name: queue_state
-- Return how many Slack runs could go on and have no process, since when the oldest new one of them waits, and how
-- many are being worked on. Runs behind another one of their thread wait for that one.
SELECT COALESCE(SUM(CASE WHEN run.lease_until_us <= :now_us OR run.lease_owner = 'queue' THEN 1 ELSE 0 END), 0) AS waiting,
       MIN(CASE WHEN run.epoch = 0 THEN run.created_us END) AS oldest_us,
       COALESCE(SUM(CASE WHEN run.lease_until_us > :now_us AND run.lease_owner <> 'queue' THEN 1 ELSE 0 END), 0) AS working
FROM run
LEFT JOIN thread ON thread.workspace = run.workspace AND thread.channel = run.channel
                AND thread.thread_ts = run.thread_ts
WHERE run.kind = 'slack' AND run.status IN ('accepted', 'running')
  AND (thread.active_run IS NULL OR thread.active_run = run.id);

-- name: claimable_runs
-- Return Slack runs without a living owner that could go on: their thread is free, or they only have to be ended;
-- oldest first.
SELECT run.id, run.workspace, run.channel, run.user_id FROM run
LEFT JOIN thread ON thread.workspace = run.workspace AND thread.channel = run.channel
                AND thread.thread_ts = run.thread_ts
WHERE run.kind = 'slack' AND run.status IN ('accepted', 'running') AND run.lease_until_us <= :now_us
  AND run.needs_code <= :code
  AND (thread.active_run IS NULL OR thread.active_run = run.id OR run.cancel_requested_by IS NOT NULL)
ORDER BY run.created_us;

-- name: find_lane
-- Return where a run waits its turn.
SELECT workspace, channel, user_id FROM run WHERE id = :id;

-- name: runs_with_unposted_question
-- Return parked Slack runs with an undecided question that is not posted, or with none: older programs decide without
-- waking the run.
SELECT run.id FROM run
LEFT JOIN question ON question.run_id = run.id AND question.decided_us IS NULL
LEFT JOIN slack_out ON slack_out.run_id = run.id AND slack_out.name = 'ask/' || question.path
                   AND slack_out.state <> 'intended'
WHERE run.kind = 'slack' AND run.status = 'parked' AND run.needs_code <= :code AND slack_out.name IS NULL
GROUP BY run.id, run.created_us ORDER BY run.created_us;

-- name: claim_redelivery
-- Claim the delivery of the messages of an ended or parked run whose owner is gone: an answer, a question.
UPDATE run SET epoch = epoch + 1, claim_epoch = epoch + 1, lease_owner = :owner, lease_until_us = :lease_until_us
WHERE id = :id AND status IN ('done', 'parked') AND lease_until_us <= :now_us AND needs_code <= :code
RETURNING *;

-- name: undelivered_runs
-- Return finished runs with messages still to be posted.
SELECT DISTINCT run.id, run.created_us FROM run JOIN slack_out ON slack_out.run_id = run.id
WHERE run.status = 'done' AND slack_out.state = 'intended' AND run.needs_code <= :code ORDER BY run.created_us;

-- name: live_runs_of
-- Return runs of a channel that are not over, newest first.
SELECT * FROM run WHERE workspace = :workspace AND channel = :channel AND status <> 'done' ORDER BY created_us DESC;

-- name: recent_runs
-- Return a person's latest runs.
SELECT * FROM run WHERE workspace = :workspace AND user_id = :user_id ORDER BY created_us DESC LIMIT :most;

-- name: earlier_in_thread
-- Return what was asked and answered in a thread before a run, newest first; deleted texts are absent.
SELECT asked.text AS request, answered.text AS result
FROM run
JOIN content asked ON asked.id = run.request_content
JOIN content answered ON answered.id = run.id || ':result'
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.status = 'done' AND run.created_us < :before_us
ORDER BY run.created_us DESC LIMIT :most;

-- name: private_in_thread
-- Return an earlier run of a thread that has read something private with a tool: its answer may hold it.
SELECT run.id FROM run JOIN step ON step.run_id = run.id AND step.path = 'tools/private'
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.created_us < :before_us LIMIT 1;

-- name: unknown_acts
-- Return the tools whose calls act, may have been sent, and left no record of what they did.
SELECT DISTINCT tool_call.tool FROM tool_call JOIN call ON call.id = tool_call.call_id
WHERE tool_call.run_id = :run_id AND tool_call.is_repeatable = 0 AND call.state = 'uncertain'
  AND NOT EXISTS (SELECT 1 FROM step WHERE step.run_id = call.run_id AND step.path = call.path)
ORDER BY tool_call.tool;

-- name: cost_by_model
-- Return what the attempts of a run cost, by model.
SELECT model, CAST(COUNT(*) AS BIGINT) AS calls, CAST(SUM(actual_nusd) AS BIGINT) AS cost_nusd,
       CAST(SUM(CASE WHEN state = 'uncertain' THEN actual_nusd ELSE 0 END) AS BIGINT) AS uncertain_nusd
FROM call WHERE run_id = :run_id AND state IN ('settled', 'uncertain') GROUP BY model ORDER BY model;

-- name: tool_uses
-- Return the tools that a run called, in order; a call that was not sent is none, and one without an answer is an error.
SELECT tool_call.tool, CASE WHEN tool_call.is_error = 0 THEN 0 ELSE 1 END AS is_error
FROM tool_call JOIN call ON call.id = tool_call.call_id
WHERE tool_call.run_id = :run_id AND call.state <> 'released' ORDER BY call.opened_us, call.id;

-- name: insert_intent
-- Insert the intent to post a message (transactional outbox), before it is posted.
INSERT INTO slack_out (run_id, name, channel, state, at_us) VALUES (:run_id, :name, :channel, 'intended', :now_us)
ON CONFLICT DO NOTHING
RETURNING name;

-- name: find_out
-- Return the state of a message.
SELECT * FROM slack_out WHERE run_id = :run_id AND name = :name;

-- name: outs_of_run
-- Return the messages of a run.
SELECT * FROM slack_out WHERE run_id = :run_id;

-- name: forget_shown
-- Forget what the messages of a run were edited to show, so that each is edited once more.
UPDATE slack_out SET shows = '' WHERE run_id = :run_id AND shows <> '';

-- name: mark_shown
-- Write what a message was edited to show.
UPDATE slack_out SET shows = :shows WHERE run_id = :run_id AND name = :name;

-- name: mark_posted
-- Mark a message as posted under this timestamp.
UPDATE slack_out SET state = 'posted', ts = :ts, at_us = :now_us WHERE run_id = :run_id AND name = :name;

-- name: mark_abandoned
-- Mark a message that cannot be posted; the log holds the reason.
UPDATE slack_out SET state = 'abandoned', at_us = :now_us
WHERE run_id = :run_id AND name = :name AND state = 'intended'
RETURNING name;

-- name: insert_feedback
-- Store a person's rating of an answer; the latest one counts.
INSERT INTO feedback (run_id, user_id, value, at_us) VALUES (:run_id, :user_id, :value, :now_us)
ON CONFLICT (run_id, user_id) DO UPDATE SET value = :value, at_us = :now_us;

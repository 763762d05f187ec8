-- name: calls_of_run
-- Return every attempt and reservation of a run, in the order in which their money was held.
SELECT id, path, attempt, flow, agent, model, price_version, hold_nusd, state, actual_nusd, overrun_nusd, usage_json,
       reason, owner_epoch, opened_us, closed_us
FROM call WHERE run_id = :run_id ORDER BY opened_us, owner_epoch, attempt, id;

-- name: feedback_of_run
-- Return how many people said that the answer helped, and how many that it did not.
SELECT CAST(COALESCE(SUM(CASE WHEN value = 'up' THEN 1 ELSE 0 END), 0) AS BIGINT) AS helped,
       CAST(COALESCE(SUM(CASE WHEN value = 'up' THEN 0 ELSE 1 END), 0) AS BIGINT) AS did_not
FROM feedback WHERE run_id = :run_id;

-- name: account_of_run
-- Return what the ledger counts for a run as a whole; nothing before its first hold.
SELECT settled_nusd, reserved_nusd FROM account
WHERE id = :workspace || '/run/' || :run_id || '/';

-- name: latest_runs
-- Return the latest runs of all channels, newest first.
SELECT * FROM run ORDER BY created_us DESC, id LIMIT :most;

-- name: latest_in_thread
-- Return the latest run of a thread.
SELECT id FROM run WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts
ORDER BY created_us DESC, id LIMIT 1;

-- name: latest_of_person
-- Return the latest run of a person in a channel.
SELECT id FROM run WHERE workspace = :workspace AND user_id = :user_id AND channel = :channel
ORDER BY created_us DESC, id LIMIT 1;

-- name: ended_runs
-- Return every run that is over, oldest first.
SELECT id FROM run WHERE status = 'done' ORDER BY created_us, id;

-- name: runs_between
-- Return the runs of some channels that were accepted in a time and are over, the latest first.
SELECT * FROM run
WHERE workspace = :workspace AND channel IN :channels... AND created_us >= :from_us AND created_us < :until_us
  AND status = 'done'
ORDER BY created_us DESC, id LIMIT :most;

-- name: count_between
-- Return how many runs of some channels were accepted in a time and are over.
SELECT CAST(COUNT(*) AS BIGINT) AS runs FROM run
WHERE workspace = :workspace AND channel IN :channels... AND created_us >= :from_us AND created_us < :until_us
  AND status = 'done';

-- name: channels_between
-- Return the channels in which something was asked in a time.
SELECT DISTINCT channel FROM run
WHERE workspace = :workspace AND created_us >= :from_us AND created_us < :until_us ORDER BY channel;

-- name: steps_of_runs
-- Return the journals of runs, without texts.
SELECT step.*, NULL AS text FROM step WHERE run_id IN :ids... ORDER BY run_id, at_us, path;

-- name: calls_of_runs
-- Return every attempt and reservation of runs.
SELECT run_id, id, path, attempt, flow, agent, model, price_version, hold_nusd, state, actual_nusd, overrun_nusd,
       usage_json, reason, owner_epoch, opened_us, closed_us
FROM call WHERE run_id IN :ids... ORDER BY run_id, opened_us, owner_epoch, attempt, id;

-- name: questions_of_runs
-- Return the questions of runs, oldest first.
SELECT * FROM question WHERE run_id IN :ids... ORDER BY run_id, asked_us;

-- name: feedback_of_runs
-- Return how many people said of each run that its answer helped, and how many that it did not.
SELECT run_id, CAST(SUM(CASE WHEN value = 'up' THEN 1 ELSE 0 END) AS BIGINT) AS helped,
       CAST(SUM(CASE WHEN value = 'up' THEN 0 ELSE 1 END) AS BIGINT) AS did_not
FROM feedback WHERE run_id IN :ids... GROUP BY run_id;

-- name: deleted_before
-- Return how many earlier requests of a thread were deleted since: a later one of it may have been shown them.
SELECT COUNT(*) AS deleted FROM run LEFT JOIN content AS asked ON asked.id = run.request_content
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.status = 'done' AND run.created_us < :before_us AND asked.id IS NULL;

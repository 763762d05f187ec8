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

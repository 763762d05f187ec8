-- name: open_calls
-- Return the calls and reservations that are held, and those of them whose run no process owns any more: what a crash
-- left, which the next owner closes.
SELECT COUNT(*) AS held, CAST(COALESCE(SUM(call.hold_nusd), 0) AS BIGINT) AS held_nusd,
       COALESCE(SUM(CASE WHEN run.status = 'done' OR run.lease_until_us <= :now_us THEN 1 ELSE 0 END), 0) AS unsettled
FROM call LEFT JOIN run ON run.id = call.run_id WHERE call.closed_us IS NULL;

-- name: uncertain_calls
-- Return the calls that count in full because nobody knows what they cost.
SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(actual_nusd), 0) AS BIGINT) AS nusd FROM call WHERE state = 'uncertain';

-- name: untold_endings
-- Return the ended runs with messages that still have to be posted, and when the oldest of them ended.
SELECT COUNT(DISTINCT run.id) AS runs, MIN(run.finished_us) AS oldest_us
FROM slack_out JOIN run ON run.id = slack_out.run_id WHERE slack_out.state = 'intended' AND run.status = 'done';

-- name: unhandled_deliveries
-- Return the stored payloads that are not handled yet, and when the oldest of them came.
SELECT COUNT(*) AS deliveries, MIN(received_us) AS oldest_us FROM inbox WHERE done_us IS NULL;

-- name: open_questions
-- Return the questions that wait for a person, and when the oldest of them was asked.
SELECT COUNT(*) AS questions, MIN(question.asked_us) AS oldest_us FROM question JOIN run ON run.id = question.run_id
WHERE run.status = 'parked' AND question.decided_us IS NULL;

-- name: money_by_period
-- Return what is settled and held in the months from one on, of all workspaces: these are looked up one by one, because
-- a month's accounts are few among those of runs.
WITH RECURSIVE space (workspace) AS (
  SELECT MIN(workspace) FROM account
  UNION ALL
  SELECT (SELECT MIN(workspace) FROM account WHERE workspace > space.workspace) FROM space WHERE space.workspace IS NOT NULL
)
SELECT account.period, CAST(SUM(account.settled_nusd) AS BIGINT) AS settled_nusd,
       CAST(SUM(account.reserved_nusd) AS BIGINT) AS held_nusd
FROM space JOIN account ON account.workspace = space.workspace
WHERE account.kind IN ('channel', 'dm') AND account.period >= :since
GROUP BY account.period ORDER BY account.period;

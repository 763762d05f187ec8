-- name: claim_chore_once
-- Claim a chore for good: one row for each key, however many processes try.
INSERT INTO chore (key, at_us, by, done_us) VALUES (:key, :now_us, :owner, :now_us)
ON CONFLICT DO NOTHING RETURNING key;

-- name: lease_chore
-- Claim a chore that is not finished and whose last claim, if any, has expired.
INSERT INTO chore (key, at_us, by) VALUES (:key, :now_us, :owner)
ON CONFLICT (key) DO UPDATE SET at_us = excluded.at_us, by = excluded.by
WHERE chore.done_us IS NULL AND chore.at_us <= :stale_us RETURNING key;

-- name: finish_chore
-- Mark a chore as done, also when another one did it along the way.
INSERT INTO chore (key, at_us, by, done_us) VALUES (:key, :now_us, :owner, :now_us)
ON CONFLICT (key) DO UPDATE SET done_us = excluded.done_us;

-- name: finished_chores
-- Return those of the keys that are done.
SELECT key FROM chore WHERE key IN :keys... AND done_us IS NOT NULL;

-- name: chore_done
-- Return when a chore was done last; no row where it never was.
SELECT done_us FROM chore WHERE key = :key AND done_us IS NOT NULL;

-- name: release_chore
-- Delete a claim whose chore failed, so that it can be claimed again.
DELETE FROM chore WHERE key = :key;

-- name: latest_months
-- Return, for each channel that spent money, the latest month in which it did, with the zone of its month.
SELECT account.workspace, account.key AS channel, MAX(account.period) AS period, channel.zone, workspace.zone AS shared_zone
FROM account
LEFT JOIN channel ON channel.workspace = account.workspace AND channel.id = account.key
LEFT JOIN workspace ON workspace.id = account.workspace
WHERE account.kind = 'channel' AND account.settled_nusd > 0
GROUP BY account.workspace, account.key, channel.zone, workspace.zone;

-- name: unclaimed_requests
-- Return Slack requests accepted before that time that no process has claimed although their thread is free, oldest
-- first.
SELECT run.id, run.workspace, run.channel, run.user_id, run.thread_ts, run.options_json FROM run
LEFT JOIN thread ON thread.workspace = run.workspace AND thread.channel = run.channel
                AND thread.thread_ts = run.thread_ts
WHERE run.kind = 'slack' AND run.status = 'accepted' AND run.epoch = 0 AND run.created_us <= :before_us
  AND (thread.active_run IS NULL OR thread.active_run = run.id)
ORDER BY run.created_us;

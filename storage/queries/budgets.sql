-- name: open_workspace
-- Create the row to configure, where no hold has created it yet.
INSERT INTO workspace (id) VALUES (:workspace) ON CONFLICT DO NOTHING;

-- name: open_payer
-- Create the row of a channel, or of a person's direct messages, where no hold has created it yet.
INSERT INTO channel (workspace, id, kind) VALUES (:workspace, :id, :kind) ON CONFLICT DO NOTHING;

-- name: lock_workspace
-- Read what is configured, locked until the commit.
SELECT * FROM workspace WHERE id = :workspace FOR UPDATE;

-- name: lock_payer
-- Read what is configured for a channel or a person's direct messages, locked until the commit.
SELECT * FROM channel WHERE workspace = :workspace AND id = :id FOR UPDATE;

-- name: save_workspace
-- Write a workspace as an admin configured it; its month belongs to the ledger.
UPDATE workspace SET zone = :zone, next_zone = :next_zone, limit_nusd = :limit_nusd,
  default_channel_nusd = :default_channel_nusd, dm_user_nusd = :dm_user_nusd, paused = :paused,
  paused_reason = :paused_reason, alerts_json = :alerts_json
WHERE id = :id;

-- name: save_payer
-- Write a channel, or a person's direct messages, as an admin configured it.
UPDATE channel SET name = :name, zone = :zone, next_zone = :next_zone, limit_nusd = :limit_nusd,
  user_cap_nusd = :user_cap_nusd, alerts_json = :alerts_json, frozen = :frozen, frozen_reason = :frozen_reason
WHERE workspace = :workspace AND id = :id;

-- name: accounts
-- Return accounts with their sums as they are now.
SELECT id, limit_nusd, granted_nusd, settled_nusd, reserved_nusd FROM account WHERE id IN :ids...;

-- name: save_grant
-- Set the one-off raise of an account.
UPDATE account SET granted_nusd = :granted_nusd WHERE id = :id;

-- name: held_by_runs
-- Return what is held right now, by run.
SELECT run_id, COUNT(*) AS calls, CAST(SUM(hold_nusd) AS BIGINT) AS held_nusd, MIN(opened_us) AS since_us
FROM call
WHERE workspace = :workspace AND channel = :channel AND closed_us IS NULL AND (:kind = 'channel' OR user_id = :user_id)
GROUP BY run_id ORDER BY run_id;

-- name: lock_quarantine
-- Read a model that once cost more than its hold, locked until the commit.
SELECT * FROM model_quarantine WHERE workspace = :workspace AND model = :model FOR UPDATE;

-- name: lift_quarantine
-- Allow calls of a model again, with its holds multiplied from now on.
UPDATE model_quarantine SET allowance_pct = :allowance_pct, lifted_us = :now_us
WHERE workspace = :workspace AND model = :model;

-- name: quarantined_now
-- Return the models that cannot be called until an admin raises their allowance.
SELECT model, allowance_pct, reason, at_us FROM model_quarantine
WHERE workspace = :workspace AND lifted_us IS NULL ORDER BY model;

-- name: spend
-- Return one month of a channel in sums, dearest first; a handful of rows however many calls there were.
SELECT flow, agent, model, user_id, calls, settled_nusd, uncertain_nusd, input_tokens, output_tokens
FROM spend WHERE workspace = :workspace AND channel = :channel AND period = :period
ORDER BY settled_nusd DESC, flow, agent, model, user_id;

-- name: spent_by
-- Return what one person spent in a month, in all channels together.
SELECT CAST(COALESCE(SUM(settled_nusd), 0) AS BIGINT) AS settled_nusd
FROM spend WHERE workspace = :workspace AND period = :period AND user_id = :user_id;

-- name: spent_when
-- Return when one person's calls of a month were made, by quarter hours, over the requests they made since that time.
SELECT call.opened_us / 900000000 AS quarter, CAST(SUM(call.actual_nusd) AS BIGINT) AS nusd
FROM run JOIN call ON call.run_id = run.id
WHERE run.workspace = :workspace AND run.user_id = :user_id AND run.created_us >= :since_us
  AND call.period = :period AND call.actual_nusd > 0
GROUP BY quarter ORDER BY quarter;

-- name: spend_by_period
-- Return the months of a channel, newest first.
SELECT period, CAST(SUM(CASE WHEN model LIKE 'tool:%' THEN 0 ELSE calls END) AS BIGINT) AS calls, CAST(SUM(settled_nusd) AS BIGINT) AS settled_nusd
FROM spend WHERE workspace = :workspace AND channel = :channel GROUP BY period ORDER BY period DESC LIMIT :most;

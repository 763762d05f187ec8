-- name: lock_runs
-- Read the owners of the runs that ask for holds, with a shared lock: no run can be claimed before the commit.
SELECT id, workspace, epoch, status, cancel_requested_by FROM run WHERE id IN :ids... ORDER BY id FOR SHARE;

-- name: lock_calls
-- Read holds to be settled, released or drawn on, locked. Every transaction locks runs, then calls, then accounts,
-- each by id, so that none deadlocks.
SELECT * FROM call WHERE id IN :ids... ORDER BY id FOR UPDATE;

-- name: lock_abandoned_of_run
-- Read the calls that earlier owners of a run left open, locked until the commit.
SELECT * FROM call WHERE run_id = :run_id AND closed_us IS NULL AND owner_epoch < :epoch ORDER BY id FOR UPDATE;

-- name: lock_abandoned
-- Read the calls left open by runs that have ended, are parked, or have a later owner. The order is an expression, so
-- that SQLite looks at the few open calls instead of walking all of them by id.
SELECT call.* FROM call JOIN run ON run.id = call.run_id
WHERE call.closed_us IS NULL AND (call.owner_epoch < run.epoch OR run.status IN ('parked', 'done'))
ORDER BY call.id || '' FOR UPDATE OF call;

-- name: workspaces
-- Return limits, zone and month of workspaces.
SELECT id AS workspace, id, 'workspace' AS kind, zone, next_zone, limit_nusd, default_channel_nusd, dm_user_nusd, period,
       paused AS blocked, paused_reason AS blocked_reason
FROM workspace WHERE id IN :ids...;

-- name: payers
-- Return limits, zone and month of channels, and of people in direct messages.
SELECT workspace, id, kind, zone, next_zone, limit_nusd, user_cap_nusd, period, frozen AS blocked,
       frozen_reason AS blocked_reason
FROM channel WHERE workspace IN :workspaces... AND id IN :ids...;

-- name: quarantined
-- Return models that once cost more than their hold.
SELECT workspace, model, allowance_pct, reason, lifted_us FROM model_quarantine
WHERE workspace IN :workspaces... AND model IN :models...;

-- name: lock_accounts
-- Read accounts, locked until the commit.
SELECT id, limit_nusd, granted_nusd, settled_nusd, reserved_nusd FROM account WHERE id IN :ids... ORDER BY id
FOR UPDATE;

-- name: open_account
-- Create the account row with the first hold of a month, a run or a stage.
INSERT INTO account (id, workspace, kind, key, period, limit_nusd)
VALUES (:id, :workspace, :kind, :key, :period, :limit_nusd) ON CONFLICT DO NOTHING;
-- many rows on PostgreSQL:
INSERT INTO account (id, workspace, kind, key, period, limit_nusd)
SELECT * FROM unnest(:id::text[], :workspace::text[], :kind::text[], :key::text[], :period::text[],
  :limit_nusd::bigint[]) ON CONFLICT DO NOTHING;

-- name: save_account
-- Write what is settled and held, and the limit it was decided under.
UPDATE account SET limit_nusd = :limit_nusd, settled_nusd = :settled_nusd, reserved_nusd = :reserved_nusd
WHERE id = :id;
-- many rows on PostgreSQL:
UPDATE account SET limit_nusd = new.limit_nusd, settled_nusd = new.settled_nusd, reserved_nusd = new.reserved_nusd
FROM unnest(:limit_nusd::bigint[], :settled_nusd::bigint[], :reserved_nusd::bigint[], :id::text[])
  AS new (limit_nusd, settled_nusd, reserved_nusd, id)
WHERE account.id = new.id;

-- name: roll_workspace_period
-- Move a workspace on to a month; never backwards, in whatever order transactions commit.
INSERT INTO workspace (id, period) VALUES (:id, :period)
ON CONFLICT (id) DO UPDATE
SET zone = COALESCE(workspace.next_zone, workspace.zone), next_zone = NULL, period = excluded.period
WHERE workspace.period < excluded.period;

-- name: roll_payer_period
-- Move a channel, or a person's direct messages, on to a month.
INSERT INTO channel (workspace, id, kind, period) VALUES (:workspace, :id, :kind, :period)
ON CONFLICT (workspace, id) DO UPDATE
SET zone = COALESCE(channel.next_zone, channel.zone), next_zone = NULL, period = excluded.period
WHERE channel.period < excluded.period;

-- name: open_call
-- Insert a hold, before anything is sent.
INSERT INTO call (id, run_id, path, attempt, workspace, channel, user_id, period, flow, agent, model, price_version,
                  hold_nusd, state, accounts_json, owner_epoch, opened_us)
VALUES (:id, :run_id, :path, :attempt, :workspace, :channel, :user_id, :period, :flow, :agent, :model, :price_version,
        :hold_nusd, :state, :accounts_json, :owner_epoch, :opened_us);
-- many rows on PostgreSQL:
INSERT INTO call (id, run_id, path, attempt, workspace, channel, user_id, period, flow, agent, model, price_version,
                  hold_nusd, state, accounts_json, owner_epoch, opened_us)
SELECT * FROM unnest(:id::text[], :run_id::text[], :path::text[], :attempt::bigint[], :workspace::text[],
  :channel::text[], :user_id::text[], :period::text[], :flow::text[], :agent::text[], :model::text[],
  :price_version::text[], :hold_nusd::bigint[], :state::text[], :accounts_json::text[], :owner_epoch::bigint[],
  :opened_us::bigint[]);

-- name: save_call
-- Move a call along its states, or shrink a reservation.
UPDATE call SET hold_nusd = :hold_nusd, state = :state, actual_nusd = :actual_nusd, overrun_nusd = :overrun_nusd,
                usage_json = :usage_json, reason = :reason, closed_us = :closed_us
WHERE id = :id;
-- many rows on PostgreSQL:
UPDATE call SET hold_nusd = new.hold_nusd, state = new.state, actual_nusd = new.actual_nusd,
                overrun_nusd = new.overrun_nusd, usage_json = new.usage_json, reason = new.reason,
                closed_us = new.closed_us
FROM unnest(:hold_nusd::bigint[], :state::text[], :actual_nusd::bigint[], :overrun_nusd::bigint[], :usage_json::text[],
            :reason::text[], :closed_us::bigint[], :id::text[])
  AS new (hold_nusd, state, actual_nusd, overrun_nusd, usage_json, reason, closed_us, id)
WHERE call.id = new.id;

-- name: add_spend
-- Add to the sums that reports read.
INSERT INTO spend (workspace, channel, period, flow, agent, model, user_id,
                   calls, settled_nusd, uncertain_nusd, input_tokens, output_tokens)
VALUES (:workspace, :channel, :period, :flow, :agent, :model, :user_id,
        :calls, :settled_nusd, :uncertain_nusd, :input_tokens, :output_tokens)
ON CONFLICT (workspace, channel, period, flow, agent, model, user_id) DO UPDATE SET
  calls = spend.calls + excluded.calls,
  settled_nusd = spend.settled_nusd + excluded.settled_nusd,
  uncertain_nusd = spend.uncertain_nusd + excluded.uncertain_nusd,
  input_tokens = spend.input_tokens + excluded.input_tokens,
  output_tokens = spend.output_tokens + excluded.output_tokens;

-- name: add_spend_time
-- Add to the sum of the quarter hour in which the money was held.
INSERT INTO spend_time (workspace, channel, period, quarter, settled_nusd)
VALUES (:workspace, :channel, :period, :quarter, :settled_nusd)
ON CONFLICT (workspace, channel, period, quarter) DO UPDATE
SET settled_nusd = spend_time.settled_nusd + excluded.settled_nusd;

-- name: quarantine
-- Refuse holds of a model that cost more than its hold, until an admin raises its allowance.
INSERT INTO model_quarantine (workspace, model, reason, at_us) VALUES (:workspace, :model, :reason, :now_us)
ON CONFLICT (workspace, model) DO UPDATE SET reason = excluded.reason, at_us = excluded.at_us, lifted_us = NULL;

-- name: freeze_payer
-- Freeze a payer that an overrun took past its limit, until an admin has looked.
UPDATE channel SET frozen = 1, frozen_reason = :reason WHERE workspace = :workspace AND id = :id;

-- name: add_audit
-- Append one line to the audit log.
INSERT INTO audit (id, at_us, workspace, actor, action, account, before_json, after_json, reason)
VALUES (:id, :now_us, :workspace, :actor, :action, :account, :before_json, :after_json, :reason);

-- name: open_tool_call
-- Insert what is known of a tool call when it is held.
INSERT INTO tool_call (call_id, run_id, workspace, tool, arguments_hash, is_repeatable, timeout_ms, approved_by)
VALUES (:call_id, :run_id, :workspace, :tool, :arguments_hash, :is_repeatable, :timeout_ms, :approved_by)
ON CONFLICT DO NOTHING;

-- name: save_tool_call
-- Write how a tool call ended.
UPDATE tool_call SET bytes_read = :bytes_read, is_error = :is_error, elapsed_ms = :elapsed_ms WHERE call_id = :call_id;

-- name: earlier_calls
-- Return the calls held for a path that could have been sent: all but those their own owner released as never sent.
SELECT id AS call_id, state, owner_epoch AS epoch, opened_us FROM call
WHERE run_id = :run_id AND path = :path AND attempt > 0 AND NOT (state = 'released' AND reason = :never_sent)
ORDER BY opened_us, id;

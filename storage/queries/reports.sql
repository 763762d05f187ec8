-- name: spent_by_quarter_hour
-- Return when a month's money was held, by quarter hours, because every time zone begins its day on one.
SELECT quarter, settled_nusd AS nusd FROM spend_time
WHERE workspace = :workspace AND channel = :channel AND period = :period AND settled_nusd > 0 ORDER BY quarter;

-- name: spent_since
-- Return what a channel spent since a quarter hour, by quarter hours; the periods are those since then.
SELECT quarter, settled_nusd AS nusd FROM spend_time
WHERE workspace = :workspace AND channel = :channel AND period IN :periods... AND quarter >= :quarter
  AND settled_nusd > 0
ORDER BY quarter;

-- name: dearest_runs
-- Return the requests that took the most of a month, with their threads. Unfinished ones are all looked at, ended ones
-- from the dearest down; 50 of them, because some may have spent in another month. The channel is an expression for
-- the former, so that SQLite looks at the few unfinished instead of walking all of the channel.
SELECT dear.id AS run_id, COUNT(CASE WHEN call.model LIKE 'tool:%' THEN NULL ELSE 1 END) AS calls, CAST(SUM(call.actual_nusd) AS BIGINT) AS nusd, dear.thread_ts, dear.root_ts,
       dear.flow, dear.options_json
FROM (
  SELECT id, thread_ts, root_ts, flow, options_json FROM run
  WHERE workspace || '' = :workspace AND channel || '' = :channel AND status <> 'done'
  UNION ALL
  SELECT id, thread_ts, root_ts, flow, options_json FROM (
    SELECT id, thread_ts, root_ts, flow, options_json FROM run
    WHERE workspace = :workspace AND channel = :channel AND status = 'done'
      AND EXISTS (SELECT 1 FROM call WHERE call.run_id = run.id AND call.period = :period)
    ORDER BY cost_nusd DESC LIMIT 50
  ) AS ended
) AS dear JOIN call ON call.run_id = dear.id
WHERE call.period = :period AND call.state IN ('settled', 'uncertain')
GROUP BY dear.id, dear.thread_ts, dear.root_ts, dear.flow, dear.options_json ORDER BY nusd DESC, dear.id LIMIT :most;

-- name: feedback_by_flow
-- Return the ratings of the answers this month paid for, without names. Ratings are few: CROSS makes SQLite begin with
-- them.
SELECT run.flow, CAST(SUM(CASE WHEN feedback.value = 'up' THEN 1 ELSE 0 END) AS BIGINT) AS helped,
       CAST(SUM(CASE WHEN feedback.value = 'up' THEN 0 ELSE 1 END) AS BIGINT) AS did_not
FROM feedback CROSS JOIN run
WHERE run.id = feedback.run_id AND run.workspace = :workspace AND run.channel = :channel
  AND EXISTS (SELECT 1 FROM call WHERE call.run_id = run.id AND call.period = :period)
GROUP BY run.flow ORDER BY run.flow;

-- name: overruns
-- Return calls that were billed above what was held for them; there are few, or none.
SELECT id, run_id, channel, agent, model, hold_nusd, actual_nusd, overrun_nusd, opened_us
FROM call
WHERE workspace = :workspace AND channel = :channel AND period = :period AND overrun_nusd > 0
ORDER BY opened_us, id;

-- name: uncertain
-- Return calls of one month that count in full because their cost is unknown, with what was asked while it is kept. A
-- call of a tool that costs nothing has no bill to look for; people are asked in its thread what became of it.
SELECT call.id, call.run_id, call.channel, call.user_id, call.agent, call.model, call.actual_nusd, call.reason,
       call.opened_us, content.text AS request
FROM call LEFT JOIN content ON content.id = call.run_id || ':request'
WHERE call.workspace = :workspace AND call.state = 'uncertain' AND (:channel = '' OR call.channel = :channel)
  AND (:period = '' OR call.period = :period)
  AND NOT (call.actual_nusd = 0 AND call.model LIKE 'tool:%')
ORDER BY call.opened_us, call.id;

-- name: month_account
-- Return a month's account as it stands or as it ended.
SELECT limit_nusd, granted_nusd, settled_nusd, reserved_nusd FROM account WHERE id = :id;

-- name: payers
-- Return every channel, and every person with direct messages, with its own limits; NULL falls back to the
-- workspace's.
SELECT id, kind, name, zone, limit_nusd, user_cap_nusd, alerts_json, frozen, frozen_reason, period, settings_json
FROM channel WHERE workspace = :workspace ORDER BY id;

-- name: payer
-- Return one channel, or one person's direct messages.
SELECT id, kind, name, zone, next_zone, limit_nusd, user_cap_nusd, alerts_json, frozen, frozen_reason, period,
       settings_json
FROM channel WHERE workspace = :workspace AND id = :id;

-- name: workspace
-- Return what applies where a channel has no setting of its own.
SELECT zone, limit_nusd, default_channel_nusd, dm_user_nusd, paused, paused_reason, alerts_json, period, settings_json
FROM workspace WHERE id = :workspace;

-- name: workspaces
-- Return the ids of all workspaces in this ledger.
SELECT id FROM workspace ORDER BY id;

-- name: month_accounts
-- Return the accounts of some months in one workspace: channels, direct messages and the workspace itself.
SELECT kind, key, period, limit_nusd, granted_nusd, settled_nusd, reserved_nusd
FROM account WHERE workspace = :workspace AND kind IN ('workspace', 'channel', 'dm') AND period IN :periods...
ORDER BY kind, key, period;

-- name: audit_of
-- Return what was done about money in one channel or in the workspace as a whole, newest first.
SELECT at_us, actor, action, account, before_json, after_json, reason FROM audit
WHERE workspace = :workspace
AND action NOT IN ('decide', 'read_request', 'forget_person', 'export_person') AND (
  :channel = '' OR account = :channel OR account = :workspace
  OR account LIKE :workspace || '/%/' || :channel || '/%'
  OR EXISTS (SELECT 1 FROM call WHERE call.id = audit.account AND call.channel = :channel))
ORDER BY at_us DESC, id DESC LIMIT :most;

-- name: calls
-- Return one month's calls, in the order they were made: for finance, and to compare with a provider's bill. Those of
-- tools have facts of their own beside their money; of models these are null.
SELECT call.id, call.run_id, call.path, call.attempt, call.channel, call.user_id, call.period, call.flow, call.agent,
       call.model, call.price_version, call.state, call.hold_nusd, call.actual_nusd, call.overrun_nusd,
       call.usage_json, call.reason, call.owner_epoch, call.opened_us, call.closed_us, tool_call.approved_by,
       tool_call.bytes_read, tool_call.is_error, tool_call.elapsed_ms, run.options_json
FROM call LEFT JOIN tool_call ON tool_call.call_id = call.id LEFT JOIN run ON run.id = call.run_id
WHERE call.workspace = :workspace AND call.channel IN :channels... AND call.period = :period
  AND call.state <> 'reserved' AND call.attempt > 0
ORDER BY call.opened_us, call.id;

-- name: calls_between
-- Return when the first and the last call of a month were made; each by itself, so that neither walks the month.
SELECT
  (SELECT MIN(opened_us) FROM call WHERE workspace = :workspace AND channel = :channel AND period = :period)
    AS first_us,
  (SELECT MAX(opened_us) FROM call WHERE workspace = :workspace AND channel = :channel AND period = :period)
    AS last_us;

-- name: setups_of_month
-- Return what the latest runs of one month worked with, as their journals keep it, each once; nulls where one kept
-- nothing. Paths are compared as equal or alike: which of two comes first is another thing in every collation.
SELECT DISTINCT step.path, step.data_json FROM (
  SELECT id FROM run
  WHERE workspace = :workspace AND channel = :channel AND created_us >= :from_us AND created_us <= :until_us
  ORDER BY created_us DESC LIMIT :most
) AS late LEFT JOIN step ON step.run_id = late.id AND (step.path = 'setup' OR step.path LIKE 'setup/%')
WHERE EXISTS (SELECT 1 FROM call WHERE call.run_id = late.id AND call.period = :period AND call.attempt > 0)
ORDER BY step.data_json;

-- name: setups_of_calls
-- Return what the runs of one month's calls worked with, as their journals keep it.
SELECT run_id, path, data_json FROM step
WHERE (path = 'setup' OR path LIKE 'setup/%') AND run_id IN (
  SELECT run_id FROM call
  WHERE workspace = :workspace AND channel IN :channels... AND period = :period AND attempt > 0);

-- name: channels_with_spend
-- Return the channels in which money was spent in a month.
SELECT DISTINCT channel FROM spend WHERE workspace = :workspace AND period = :period ORDER BY channel;

-- name: stopped_for_money
-- Return what the ledger itself wrote into the audit log since some moment: each entry is an alarm.
SELECT audit.id, audit.at_us, audit.action, audit.account, audit.reason, COALESCE(call.channel, '') AS channel
FROM audit LEFT JOIN call ON call.id = audit.account
WHERE audit.workspace = :workspace AND audit.actor = 'ledger'
  AND audit.action IN ('freeze', 'quarantine', 'settle_released') AND audit.at_us >= :since_us
ORDER BY audit.at_us, audit.id;

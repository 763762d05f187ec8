-- name: account_differences
-- Return accounts whose sums are not those of their calls; there must never be one.
SELECT account.id, account.settled_nusd, account.reserved_nusd,
       COALESCE(truth.settled_nusd, 0) AS true_settled_nusd, COALESCE(truth.reserved_nusd, 0) AS true_reserved_nusd
FROM account LEFT JOIN (
  SELECT part.value AS id,
         CAST(SUM(CASE WHEN call.state IN ('settled', 'uncertain') THEN call.actual_nusd ELSE 0 END) AS BIGINT) AS settled_nusd,
         CAST(SUM(CASE WHEN call.closed_us IS NULL THEN call.hold_nusd ELSE 0 END) AS BIGINT) AS reserved_nusd
  FROM call, json_each(call.accounts_json) AS part GROUP BY part.value
) AS truth ON truth.id = account.id
WHERE account.settled_nusd <> COALESCE(truth.settled_nusd, 0) OR account.reserved_nusd <> COALESCE(truth.reserved_nusd, 0)
ORDER BY account.id;

-- name: totals
-- Return how much there is to verify, with the totals.
SELECT (SELECT COUNT(*) FROM account) AS accounts, COUNT(*) AS calls,
       COUNT(CASE WHEN model LIKE 'tool:%' THEN 1 END) AS tool_calls,
       CAST(COALESCE(SUM(CASE WHEN state IN ('settled', 'uncertain') THEN actual_nusd ELSE 0 END), 0) AS BIGINT) AS settled_nusd,
       CAST(COALESCE(SUM(CASE WHEN closed_us IS NULL THEN hold_nusd ELSE 0 END), 0) AS BIGINT) AS held_nusd,
       (SELECT CAST(COALESCE(SUM(settled_nusd), 0) AS BIGINT) FROM spend) AS spend_nusd,
       (SELECT COUNT(*) FROM call JOIN run ON run.id = call.run_id WHERE call.closed_us IS NULL
          AND (call.owner_epoch < run.epoch OR run.status IN ('parked', 'done'))) AS stale
FROM call;

-- name: price_of_flow
-- Return the number and the mean cost of the latest finished runs of a flow.
SELECT COUNT(*) AS runs, CAST(COALESCE(AVG(cost_nusd), 0) AS BIGINT) AS mean_nusd
FROM (SELECT cost_nusd FROM run
      WHERE workspace = :workspace AND flow = :flow AND status = 'done' AND stop_reason IN ('completed', 'partial')
      ORDER BY created_us DESC LIMIT :most) AS latest;

-- name: workspaces_with_money
-- Return up to two workspaces of this ledger.
SELECT id FROM workspace WHERE id NOT IN :besides... ORDER BY id LIMIT 2;

-- name: orphaned_shell_runs
-- Return shell runs whose process died: no other process may resume them, so they are to be ended.
SELECT id FROM run
WHERE kind = 'terminal' AND needs_code <= :code
  AND ((status = 'running' AND lease_until_us <= :now_us) OR (status = 'accepted' AND created_us <= :accepted_before_us))
ORDER BY created_us;

-- name: price_of_flow
-- What the latest finished runs of a flow cost: their number and their mean.
SELECT COUNT(*) AS runs, CAST(COALESCE(AVG(cost_nusd), 0) AS BIGINT) AS mean_nusd
FROM (SELECT cost_nusd FROM run
      WHERE workspace = :workspace AND flow = :flow AND status = 'done' AND stop_reason IN ('completed', 'partial')
      ORDER BY created_us DESC LIMIT :most) AS latest;

-- name: workspaces_with_money
-- The workspaces of this ledger.
SELECT id FROM workspace WHERE id NOT IN :besides... ORDER BY id LIMIT 2;

-- name: lost_shell_runs
-- Runs of a shell whose process died: nobody else may go on with them, so they are ended.
SELECT id FROM run
WHERE kind = 'terminal'
  AND ((status = 'running' AND lease_until_us <= :now_us) OR (status = 'accepted' AND created_us <= :accepted_before_us))
ORDER BY created_us;

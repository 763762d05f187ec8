-- name: store_action_token
-- Store the key of a delivery beside it.
INSERT INTO content (id, run_id, workspace, kind, text, created_us)
VALUES ('action:' || :key, '', :workspace, 'action_token', :token, :now_us) ON CONFLICT DO NOTHING;

-- name: action_token_of_run
-- Return the key that came with the delivery of a run which has not ended.
SELECT content.text FROM run JOIN content ON content.id = 'action:' || run.delivery_key
WHERE run.id = :run_id AND run.status <> 'done' AND content.workspace = run.workspace;

-- name: delete_action_token_of_run
-- Delete the key of a run that ends.
DELETE FROM content WHERE id = (SELECT 'action:' || delivery_key FROM run WHERE id = :run_id);

-- name: delete_action_token_without_run
-- Delete the key of a delivery that was handled and opened no run, or one that has ended.
DELETE FROM content WHERE id = 'action:' || :key
  AND NOT EXISTS (
    SELECT 1 FROM run WHERE run.workspace = content.workspace AND run.delivery_key = :key AND run.status <> 'done');

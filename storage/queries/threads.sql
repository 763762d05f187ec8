-- name: first_in_thread
-- Return the oldest request of a thread.
SELECT user_id, root_ts, options_json FROM run
WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts
ORDER BY created_us, id LIMIT 1;

-- name: run_of_delivery
-- Return the run that a delivery opened.
SELECT id FROM run WHERE workspace = :workspace AND delivery_key = :delivery_key;

-- name: active_in_thread
-- Return the active run of a thread.
SELECT active_run FROM thread
WHERE workspace = :workspace AND channel = :channel AND thread_ts = :thread_ts AND active_run IS NOT NULL;

-- name: store_attachments
-- Store the attachments read for a request; the first version stays.
INSERT INTO content (id, run_id, workspace, kind, text, created_us)
VALUES (:id, :run_id, :workspace, 'material', :text, :now_us)
ON CONFLICT DO NOTHING;

-- name: find_attachments
-- Return the attachments read for a request, if there were any and they are not deleted.
SELECT text FROM content WHERE id = :id;

-- name: earlier_attachments
-- Return the attachments read for a thread's earlier requests, newest first.
SELECT content.text FROM run JOIN content ON content.id = run.id || ':material'
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.created_us < :before_us
ORDER BY run.created_us DESC LIMIT :most;

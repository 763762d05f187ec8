-- name: insert_entry
-- Write one line.
INSERT INTO audit (id, at_us, workspace, actor, action, account, before_json, after_json, reason)
VALUES (:id, :now_us, :workspace, :actor, :action, :subject, '{}', :after_json, :reason);

-- name: entries_since
-- Return every line from some time on, oldest first.
SELECT id, at_us, workspace, actor, action, account, before_json, after_json, reason FROM audit
WHERE at_us >= :since_us AND (:workspace = '' OR workspace = :workspace) ORDER BY at_us, id;

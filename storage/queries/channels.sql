-- name: find_settings
-- How a channel behaves, as its admins set it.
SELECT settings_json FROM channel WHERE workspace = :workspace AND id = :channel FOR UPDATE;

-- name: save_settings
-- Replace them; the money columns are not touched.
INSERT INTO channel (workspace, id, kind, settings_json) VALUES (:workspace, :channel, 'channel', :settings_json)
ON CONFLICT (workspace, id) DO UPDATE SET settings_json = :settings_json;

-- name: insert_audit
-- Who changed what.
INSERT INTO audit (id, at_us, workspace, actor, action, account, before_json, after_json, reason)
VALUES (:id, :now_us, :workspace, :actor, :action, :account, :before_json, :after_json, '');

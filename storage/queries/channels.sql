-- name: find_settings
-- Return how a channel behaves, as its admins set it.
SELECT settings_json FROM channel WHERE workspace = :workspace AND id = :channel;

-- name: open_settings
-- Create the row to lock: two admins who are the first to change something must not overwrite each other.
INSERT INTO channel (workspace, id, kind, settings_json) VALUES (:workspace, :channel, 'channel', '{}')
ON CONFLICT DO NOTHING;

-- name: lock_settings
-- Read the settings, locked until the commit.
SELECT settings_json FROM channel WHERE workspace = :workspace AND id = :channel FOR UPDATE;

-- name: save_settings
-- Replace the settings; the money columns are not touched.
UPDATE channel SET settings_json = :settings_json WHERE workspace = :workspace AND id = :channel;

-- name: insert_audit
-- Record who changed what.
INSERT INTO audit (id, at_us, workspace, actor, action, account, before_json, after_json, reason)
VALUES (:id, :now_us, :workspace, :actor, :action, :account, :before_json, :after_json, '');

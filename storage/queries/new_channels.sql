-- name: find
-- Return a channel's limit and settings.
SELECT limit_nusd, settings_json FROM channel WHERE workspace = :workspace AND id = :channel;

-- name: lock
-- Read a channel's limit and settings, locked until the commit.
SELECT limit_nusd, settings_json FROM channel WHERE workspace = :workspace AND id = :channel FOR UPDATE;

-- name: any_run
-- Return a run of a channel, if there ever was one.
SELECT id FROM run WHERE workspace = :workspace AND channel = :channel LIMIT 1;

-- name: open_channel
-- Create the row of a channel that was never seen before.
INSERT INTO channel (workspace, id, kind, limit_nusd, settings_json)
VALUES (:workspace, :channel, 'channel', :limit_nusd, :settings_json) ON CONFLICT DO NOTHING;

-- name: save
-- Replace a channel's limit and settings.
UPDATE channel SET limit_nusd = :limit_nusd, settings_json = :settings_json
WHERE workspace = :workspace AND id = :channel;

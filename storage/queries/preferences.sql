-- name: find
-- Return what a person chose for one setting; no row where they chose nothing.
SELECT value FROM preference WHERE workspace = :workspace AND user_id = :user_id AND name = :name;

-- name: save
-- Set what a person chose.
INSERT INTO preference (workspace, user_id, name, value, changed_us)
VALUES (:workspace, :user_id, :name, :value, :now_us)
ON CONFLICT (workspace, user_id, name) DO UPDATE SET value = excluded.value, changed_us = excluded.changed_us;

-- name: of_person
-- Return everything a person chose, by name.
SELECT name, value, changed_us FROM preference WHERE workspace = :workspace AND user_id = :user_id ORDER BY name;

-- name: erase
-- Delete everything a person chose, so that the defaults hold again.
DELETE FROM preference WHERE workspace = :workspace AND user_id = :user_id;

-- name: insert_file
-- Count a file that is about to be stored.
INSERT INTO stored_file (id, run_id, workspace, channel, user_id, bytes, created_us)
VALUES (:id, :run_id, :workspace, :channel, :user_id, :bytes, :now_us);

-- name: count_bytes
-- Return how many bytes of files are kept of a person, and in a channel.
SELECT (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM stored_file
        WHERE workspace = :workspace AND user_id = :user_id) AS of_person,
       (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM stored_file
        WHERE workspace = :workspace AND channel = :channel) AS of_channel;

-- name: delete_file
-- Delete a file that could not be stored.
DELETE FROM stored_file WHERE id = :id;

-- name: delete_others
-- Delete what earlier readings of a request left, but for the files of the one that counts.
DELETE FROM stored_file WHERE run_id = :run_id AND id NOT IN :ids...;

-- name: delete_unstarted
-- Delete the files of a run that ended before anything of it was started.
DELETE FROM stored_file WHERE run_id = :run_id AND NOT EXISTS (SELECT 1 FROM call WHERE call.run_id = :run_id);

-- name: delete_orphans
-- Delete the files of runs that are over and whose attachments are no longer kept: expired, erased, or never finished.
DELETE FROM stored_file WHERE run_id IN (
  SELECT stored_file.run_id FROM stored_file JOIN run ON run.id = stored_file.run_id
  WHERE run.status = 'done' AND NOT EXISTS (SELECT 1 FROM content WHERE content.id = run.id || ':material'));

-- name: kept_of
-- Return which of these files are kept.
SELECT id FROM stored_file WHERE id IN :ids...;

-- name: files_of_person
-- Return the files that came with a person's requests, oldest first.
SELECT stored_file.id, stored_file.run_id, stored_file.bytes FROM stored_file
WHERE workspace = :workspace AND user_id = :user_id ORDER BY created_us, id;

-- name: insert_chunk
-- Store a part of a file's contents. PostgreSQL only, as all of this file.
INSERT INTO file_chunk (file_id, number, data) VALUES (:file_id, :number, :data);

-- name: chunks_of
-- Return a file's contents in order.
SELECT data FROM file_chunk WHERE file_id = :file_id ORDER BY number;

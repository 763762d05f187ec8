-- name: now
-- Return the server's time in microseconds. PostgreSQL only: a file has no clock of its own.
SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now_us;

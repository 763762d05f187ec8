-- name: count_waiting
-- Return how many requests wait to begin: of a person, in a channel, and in all.
SELECT CAST(COUNT(*) AS BIGINT) AS of_all,
       CAST(COALESCE(SUM(CASE WHEN workspace = :workspace AND channel = :channel THEN 1 ELSE 0 END), 0) AS BIGINT)
         AS of_channel,
       CAST(COALESCE(SUM(CASE WHEN workspace = :workspace AND user_id = :user_id THEN 1 ELSE 0 END), 0) AS BIGINT)
         AS of_person
FROM run WHERE status = 'accepted' AND kind = 'slack';

-- name: rated_runs
-- Return the rated first requests of threads in channels, with their answers and ratings, oldest first. What was
-- forgotten or is past its retention is not there any more; a follow-up would mean little without its thread.
SELECT run.id, run.workspace, run.channel, run.flow, run.options_json, run.result, run.request, run.up, run.down FROM (
  SELECT run.id, run.workspace, run.channel, run.flow, run.options_json, run.created_us, asked.text AS request, answered.text AS result,
         SUM(CASE WHEN feedback.value = 'up' THEN 1 ELSE 0 END) AS up,
         SUM(CASE WHEN feedback.value = 'up' THEN 0 ELSE 1 END) AS down
  FROM feedback
  JOIN run ON run.id = feedback.run_id
  JOIN content AS asked ON asked.id = run.id || ':request'
  JOIN content AS answered ON answered.id = run.id || ':result'
  WHERE feedback.at_us >= :from_us AND feedback.at_us < :until_us
    AND run.kind = 'slack' AND run.channel_kind = 'channel' AND run.status = 'done'
    AND (:channel = '' OR run.channel = :channel)
    AND NOT EXISTS (
      SELECT 1 FROM run AS earlier
      WHERE earlier.workspace = run.workspace AND earlier.channel = run.channel
        AND earlier.thread_ts = run.thread_ts AND earlier.created_us < run.created_us)
  GROUP BY run.id, run.workspace, run.channel, run.flow, run.options_json, run.created_us, asked.text, answered.text
) AS run ORDER BY run.created_us, run.id;

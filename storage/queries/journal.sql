-- name: add_step
-- Insert a finished step; the first writer wins.
INSERT INTO step (run_id, path, input_hash, outcome, agent, model, content_id, data_json, reason, finish_reason,
                  input_tokens, output_tokens, cost_nusd, elapsed_ms, attempts, call_id, at_us)
VALUES (:run_id, :path, :input_hash, :outcome, :agent, :model, :content_id, :data_json, :reason, :finish_reason,
        :input_tokens, :output_tokens, :cost_nusd, :elapsed_ms, :attempts, :call_id, :now_us)
ON CONFLICT DO NOTHING;
-- many rows on PostgreSQL:
INSERT INTO step (run_id, path, input_hash, outcome, agent, model, content_id, data_json, reason, finish_reason,
                  input_tokens, output_tokens, cost_nusd, elapsed_ms, attempts, call_id, at_us)
SELECT * FROM unnest(:run_id::text[], :path::text[], :input_hash::text[], :outcome::text[], :agent::text[],
  :model::text[], :content_id::text[], :data_json::text[], :reason::text[], :finish_reason::text[],
  :input_tokens::bigint[], :output_tokens::bigint[], :cost_nusd::bigint[], :elapsed_ms::bigint[], :attempts::bigint[],
  :call_id::text[], :now_us::bigint[])
ON CONFLICT DO NOTHING;

-- name: add_step_text
-- Insert the text of a step apart, so that it can be deleted; after its step, so that the same writer wins both.
INSERT INTO content (id, run_id, workspace, kind, text, created_us)
VALUES (:content_id, :run_id, :workspace, 'step', :text, :now_us) ON CONFLICT DO NOTHING;

-- name: find_step
-- Return one finished step with its text.
SELECT step.*, content.text AS text FROM step LEFT JOIN content ON content.id = step.content_id
WHERE step.run_id = :run_id AND step.path = :path;

-- name: steps_of_run
-- Return the trace of a run, in the order it was written.
SELECT step.*, content.text AS text FROM step LEFT JOIN content ON content.id = step.content_id
WHERE step.run_id = :run_id ORDER BY step.at_us, step.path;

-- name: lock_epoch
-- Read the fencing token of a run, locked against a new claim until the commit.
SELECT epoch, workspace FROM run WHERE id = :run_id FOR SHARE;

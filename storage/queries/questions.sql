-- name: insert_question
-- Ask people something on behalf of a run.
INSERT INTO question (run_id, path, question_json, asked_us, deadline_us)
VALUES (:run_id, :path, :question_json, :now_us, :deadline_us) ON CONFLICT DO NOTHING;

-- name: find_question
-- A question with its decision, if there is one.
SELECT * FROM question WHERE run_id = :run_id AND path = :path;

-- name: questions_of_run
-- Everything that people were asked about a run.
SELECT * FROM question WHERE run_id = :run_id ORDER BY asked_us;

-- name: open_question
-- What a parked run waits for.
SELECT * FROM question WHERE run_id = :run_id AND decided_us IS NULL ORDER BY asked_us DESC LIMIT 1;

-- name: decide_question
-- The first decision counts.
UPDATE question SET decision_json = :decision_json, decided_us = :now_us
WHERE run_id = :run_id AND path = :path AND decided_us IS NULL
RETURNING path;

-- name: question_in_thread
-- What people are asked in a thread.
SELECT question.* FROM question JOIN run ON run.id = question.run_id
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.status <> 'done' AND question.decided_us IS NULL
ORDER BY question.asked_us DESC LIMIT 1;

-- name: waiting_questions
-- Everything that people of Slack have been asked and have not decided.
SELECT question.* FROM question JOIN run ON run.id = question.run_id
WHERE run.kind = 'slack' AND run.status = 'parked' AND question.decided_us IS NULL
ORDER BY question.asked_us;

-- name: insert_question
-- Store a question of a run; an existing one stays.
INSERT INTO question (run_id, path, question_json, asked_us, deadline_us)
VALUES (:run_id, :path, :question_json, :now_us, :deadline_us) ON CONFLICT DO NOTHING;

-- name: find_question
-- Return a question with its decision, if there is one.
SELECT * FROM question WHERE run_id = :run_id AND path = :path;

-- name: questions_of_run
-- Return every question of a run, oldest first.
SELECT * FROM question WHERE run_id = :run_id ORDER BY asked_us;

-- name: open_question
-- Return the undecided question of a run.
SELECT * FROM question WHERE run_id = :run_id AND decided_us IS NULL ORDER BY asked_us DESC LIMIT 1;

-- name: decide_question
-- Decide a question by compare-and-set: the first decision counts.
UPDATE question SET decision_json = :decision_json, decided_us = :now_us
WHERE run_id = :run_id AND path = :path AND decided_us IS NULL
RETURNING (SELECT workspace FROM run WHERE run.id = question.run_id) AS workspace,
          (SELECT channel FROM run WHERE run.id = question.run_id) AS channel;

-- name: question_in_thread
-- Return the undecided question of a thread.
SELECT question.* FROM question JOIN run ON run.id = question.run_id
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.status <> 'done' AND question.decided_us IS NULL
ORDER BY question.asked_us DESC LIMIT 1;

-- name: waiting_questions
-- Return the undecided questions of parked Slack runs, oldest first.
SELECT question.* FROM question JOIN run ON run.id = question.run_id
WHERE run.kind = 'slack' AND run.status = 'parked' AND question.decided_us IS NULL
ORDER BY question.asked_us;

-- name: insert_question
-- Store a question of a run; an existing one stays.
INSERT INTO question (run_id, path, question_json, asked_us, deadline_us)
VALUES (:run_id, :path, :question_json, :now_us, :deadline_us) ON CONFLICT DO NOTHING;

-- name: find_question
-- Return a question with its decision, if there is one.
SELECT * FROM question WHERE run_id = :run_id AND path = :path;

-- name: questions_of_run
-- Return every question of a run, oldest first.
SELECT * FROM question WHERE run_id = :run_id ORDER BY asked_us, path;

-- name: lock_questions
-- Return every question of a run, locked until the commit: nobody decides one meanwhile.
SELECT * FROM question WHERE run_id = :run_id ORDER BY path FOR UPDATE;

-- name: decide_question
-- Decide a question by compare-and-set: the first decision counts.
UPDATE question SET decision_json = :decision_json, decided_us = :now_us
WHERE run_id = :run_id AND path = :path AND decided_us IS NULL
RETURNING (SELECT workspace FROM run WHERE run.id = question.run_id) AS workspace,
          (SELECT channel FROM run WHERE run.id = question.run_id) AS channel;

-- name: forget_unseen
-- Delete an undecided question that was never posted.
DELETE FROM question WHERE run_id = :run_id AND path = :path AND decided_us IS NULL
  AND NOT EXISTS (SELECT 1 FROM slack_out WHERE slack_out.run_id = :run_id AND slack_out.name = 'ask/' || :path)
RETURNING path;

-- name: questions_in_thread
-- Return the undecided questions of a thread, oldest first.
SELECT question.* FROM question JOIN run ON run.id = question.run_id
WHERE run.workspace = :workspace AND run.channel = :channel AND run.thread_ts = :thread_ts
  AND run.status <> 'done' AND question.decided_us IS NULL
ORDER BY question.asked_us, question.path;

-- name: waiting_questions
-- Return the undecided questions of Slack runs, oldest first. A run may go on with one decision while it needs others.
SELECT question.* FROM question JOIN run ON run.id = question.run_id
WHERE run.kind = 'slack' AND run.status <> 'done' AND question.decided_us IS NULL
ORDER BY question.asked_us, question.path;

-- name: ask_erasure
-- Remember that something is to be forgotten; asked again, it is looked for again.
INSERT INTO erasure (workspace, kind, subject, requested_us) VALUES (:workspace, :kind, :subject, :now_us)
ON CONFLICT (workspace, kind, subject) DO UPDATE SET requested_us = :now_us, done_us = NULL;

-- name: waiting_erasures
-- Return what is to be forgotten and is not yet, oldest first.
SELECT workspace, kind, subject FROM erasure WHERE done_us IS NULL ORDER BY requested_us LIMIT 100;

-- name: erasure_done
-- Nothing of it is left.
UPDATE erasure SET done_us = :now_us WHERE workspace = :workspace AND kind = :kind AND subject = :subject;

-- name: runs_of_message
-- Return the runs that a message asked for, later tries included.
SELECT id, status FROM run WHERE workspace = :workspace
AND (delivery_key IN (:key, :key || ':here') OR delivery_key LIKE :key || ':again:%');

-- name: runs_of_person
-- Return a person's runs, oldest first, without texts.
SELECT id, status, channel, channel_kind, flow, options_json, stop_reason, cost_nusd, created_us, finished_us FROM run
WHERE workspace = :workspace AND user_id = :user_id ORDER BY created_us;

-- name: copies_of_runs
-- Return the runs of shells that took over what was said in these runs; the key of each ends with the id of the first.
SELECT id, status FROM run WHERE kind = 'terminal' AND delivery_key LIKE 'terminal:%:of:%'
AND substr(delivery_key, length(delivery_key) - 12) IN :run_ids...;

-- name: erase_contents
-- Delete what people and models wrote in these runs.
DELETE FROM content WHERE run_id IN :run_ids...;

-- name: erase_questions
-- Delete what people were asked and answered in these runs: the audit log keeps who decided what.
DELETE FROM question WHERE run_id IN :run_ids...;

-- name: erase_steps
-- Empty what the steps of these runs say in words; what they cost stays.
UPDATE step SET data_json = '{}', reason = '', content_id = NULL WHERE run_id IN :run_ids...;

-- name: erase_payloads
-- Empty stored payloads that name it and have been dealt with; their keys still recognise a second delivery.
UPDATE inbox SET payload_json = '{}' WHERE workspace = :workspace AND done_us IS NOT NULL AND payload_json LIKE :what;

-- name: waiting_payloads
-- Return the keys of payloads that name it and have not been dealt with.
SELECT key FROM inbox WHERE workspace = :workspace AND done_us IS NULL AND payload_json LIKE :what;

-- name: erase_attachments_of_others
-- Delete what was read for other people's runs, where this person speaks in it.
DELETE FROM content WHERE workspace = :workspace AND kind = 'material' AND text LIKE :what
AND run_id IN (SELECT id FROM run WHERE status = 'done');

-- name: erase_decisions_of
-- Delete what this person answered in other people's runs that are over.
DELETE FROM question WHERE decision_json LIKE :what
AND run_id IN (SELECT id FROM run WHERE workspace = :workspace AND status = 'done');

-- name: erase_feedback
-- Delete what a person thought of answers.
DELETE FROM feedback WHERE user_id = :user_id AND run_id IN (SELECT id FROM run WHERE workspace = :workspace);

-- name: contents_of_person
-- Return what is stored in words of a person's runs, oldest first.
SELECT content.run_id, content.kind, content.text, content.created_us FROM content
JOIN run ON run.id = content.run_id
WHERE run.workspace = :workspace AND run.user_id = :user_id ORDER BY content.created_us, content.id;

-- name: decisions_of_person
-- Return what a person was asked and answered, oldest first.
SELECT question.run_id, question.path, question.decision_json, question.decided_us FROM question
JOIN run ON run.id = question.run_id
WHERE run.workspace = :workspace AND question.decision_json LIKE :what ORDER BY question.decided_us;

-- name: feedback_of_person
-- Return what a person thought of answers.
SELECT feedback.run_id, feedback.value, feedback.at_us FROM feedback
JOIN run ON run.id = feedback.run_id
WHERE run.workspace = :workspace AND feedback.user_id = :user_id ORDER BY feedback.at_us;

-- name: payloads_of_person
-- Return the number of stored payloads that name a person.
SELECT CAST(COUNT(*) AS BIGINT) AS payloads FROM inbox WHERE workspace = :workspace AND payload_json LIKE :what;

-- name: delete_old_texts
-- Delete texts of one sort of runs that ended before that time; money is kept.
DELETE FROM content WHERE created_us < :before_us AND (kind = 'material') = (:material = 1)
AND run_id IN (SELECT id FROM run WHERE status = 'done' AND finished_us < :before_us);

-- name: delete_old_questions
-- Delete questions and answers of runs that ended before that time.
DELETE FROM question WHERE run_id IN (SELECT id FROM run WHERE status = 'done' AND finished_us < :before_us);

-- name: delete_old_feedback
-- Delete ratings of answers that are older.
DELETE FROM feedback WHERE at_us < :before_us;

-- name: reasons_of
-- Return the reasons that a person typed for changes.
SELECT DISTINCT reason FROM audit WHERE workspace = :workspace AND actor = :user_id AND reason <> '';

-- name: entries_with_reasons
-- Return the entries that hold a reason of a freeze or a pause, whoever made them, and this person's own.
SELECT id, actor, reason, before_json, after_json FROM audit WHERE workspace = :workspace
AND ((actor = :user_id AND reason <> '') OR before_json LIKE '%_reason"%' OR after_json LIKE '%_reason"%');

-- name: rewrite_entry
-- Empty the words in one entry; the database lets nothing else of it change.
UPDATE audit SET reason = :reason, before_json = :before_json, after_json = :after_json WHERE id = :id;

-- name: erase_freeze_reasons
-- Empty why a channel is frozen, where it is these words.
UPDATE channel SET frozen_reason = '' WHERE workspace = :workspace AND frozen_reason IN :reasons...;

-- name: erase_pause_reason
-- Empty why a workspace is paused, where it is these words.
UPDATE workspace SET paused_reason = '' WHERE id = :workspace AND paused_reason IN :reasons...;

-- What a first month leaves behind, written under the first schema that was shipped: one run that ended, one that waits
-- for a person, one that was interrupted with a call in the air.
INSERT INTO workspace (id, zone, limit_nusd, period) VALUES ('T1', 'Europe/Paris', 500000000000, '2026-11');
INSERT INTO channel (workspace, id, kind, name, limit_nusd, settings_json)
VALUES ('T1', 'C1', 'channel', 'platform', 50000000000, '{"flow": "answer"}');
INSERT INTO account (id, workspace, kind, key, period, limit_nusd, granted_nusd, settled_nusd, reserved_nusd)
VALUES ('T1/workspace/T1/2026-11', 'T1', 'workspace', 'T1', '2026-11', 500000000000, 0, 30000000, 20000000),
       ('T1/channel/C1/2026-11', 'T1', 'channel', 'C1', '2026-11', 50000000000, 5000000000, 30000000, 20000000);
INSERT INTO snapshot (hash, json) VALUES ('h', '{}');
INSERT INTO run (id, workspace, channel, channel_kind, thread_ts, root_ts, user_id, kind, request_content, flow, status,
                 stop_reason, epoch, roster_hash, cost_nusd, created_us, finished_us, delivery_key)
VALUES ('r1', 'T1', 'C1', 'channel', '1.1', '1.1', 'U1', 'slack', 'r1:request', 'answer', 'done', 'completed', 1, 'h',
        30000000, 1, 2, 'k1'),
       ('r2', 'T1', 'C1', 'channel', '1.2', '1.2', 'U1', 'slack', 'r2:request', 'decide', 'parked', '', 1, 'h', 0, 3,
        NULL, 'k2'),
       ('r3', 'T1', 'C1', 'channel', '1.3', '1.3', 'U1', 'slack', 'r3:request', 'answer', 'running', '', 1, 'h', 0, 4,
        NULL, 'k3');
INSERT INTO call (id, run_id, path, attempt, workspace, channel, user_id, period, flow, agent, model, price_version,
                  hold_nusd, state, accounts_json, owner_epoch, opened_us)
VALUES ('c1', 'r1', 'answer', 1, 'T1', 'C1', 'U1', '2026-11', 'answer', 'writer', 'fast', '1', 40000000, 'open',
        '["T1/workspace/T1/2026-11", "T1/channel/C1/2026-11"]', 1, 1),
       ('c3', 'r3', 'answer', 1, 'T1', 'C1', 'U1', '2026-11', 'answer', 'writer', 'fast', '1', 20000000, 'open',
        '["T1/workspace/T1/2026-11", "T1/channel/C1/2026-11"]', 1, 4);
UPDATE call SET state = 'settled', actual_nusd = 30000000, closed_us = 2 WHERE id = 'c1';
INSERT INTO spend (workspace, channel, period, flow, agent, model, user_id, calls, settled_nusd, uncertain_nusd,
                   input_tokens, output_tokens)
VALUES ('T1', 'C1', '2026-11', 'answer', 'writer', 'fast', 'U1', 1, 30000000, 0, 10, 20);
INSERT INTO content (id, run_id, workspace, kind, text, created_us)
VALUES ('r1:request', 'r1', 'T1', 'request', 'Why?', 1), ('r2:request', 'r2', 'T1', 'request', 'Which?', 3),
       ('r3:request', 'r3', 'T1', 'request', 'When?', 4);
INSERT INTO step (run_id, path, input_hash, outcome, cost_nusd, call_id, at_us)
VALUES ('r1', 'answer', 'x', 'ok', 30000000, 'c1', 2);
INSERT INTO thread (workspace, channel, thread_ts, active_run, owner_user)
VALUES ('T1', 'C1', '1.1', NULL, 'U1'), ('T1', 'C1', '1.2', 'r2', 'U1'), ('T1', 'C1', '1.3', 'r3', 'U1');
INSERT INTO slack_out (run_id, name, channel, ts, state, at_us) VALUES ('r1', 'root', 'C1', '1.1', 'posted', 1);
INSERT INTO inbox (key, workspace, kind, payload_json, received_us) VALUES ('Ev1', 'T1', 'event', '{}', 1);
INSERT INTO question (run_id, path, question_json, asked_us) VALUES ('r2', 'confirm', '{}', 3);
INSERT INTO chore (key, at_us, by) VALUES ('month/T1/C1/2026-11', 1, 'host:1');
INSERT INTO feedback (run_id, user_id, value, at_us) VALUES ('r1', 'U1', 'up', 5);
INSERT INTO model_quarantine (workspace, model, reason, at_us) VALUES ('T1', 'strong', 'dearer than its hold', 1);
INSERT INTO audit (id, at_us, workspace, actor, action) VALUES ('a1', 1, 'T1', 'U1', 'grant');

-- Messages that still have to be posted are few among all that ever were; they are looked for every second and counted
-- for /metrics.
CREATE INDEX slack_out_intended ON slack_out (run_id) WHERE state = 'intended';

UPDATE schema SET version = 13 WHERE version < 13;

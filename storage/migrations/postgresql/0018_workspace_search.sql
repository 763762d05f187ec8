-- No table changes. The key with which Slack lets us search for somebody is a content row of its own (kind action_token), and
-- results of such searches are stored nowhere; older programs, which would store both, leave such runs alone.
UPDATE schema SET version = 18 WHERE version < 18;

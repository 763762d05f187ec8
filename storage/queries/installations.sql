-- name: find_installation
-- Return the install whose token serves a workspace: its own, else that of its organisation, given or known from
-- before.
SELECT * FROM installation
WHERE id = :workspace OR id = :organisation
  OR id = (SELECT organisation FROM organisation_workspace WHERE workspace = :workspace)
ORDER BY CASE WHEN id = :workspace THEN 0 WHEN id = :organisation THEN 1 ELSE 2 END
LIMIT 1;

-- name: organisation_of
-- Return the organisation whose install serves a workspace, as known from earlier deliveries.
SELECT organisation FROM organisation_workspace WHERE workspace = :workspace;

-- name: join_organisation
-- Remember the organisation of a workspace, for requests that do not name it.
INSERT INTO organisation_workspace (workspace, organisation) VALUES (:workspace, :organisation)
ON CONFLICT (workspace) DO UPDATE SET organisation = excluded.organisation;

-- name: leave_organisation
-- Forget the organisation of a workspace from which the app was removed.
DELETE FROM organisation_workspace WHERE workspace = :workspace RETURNING workspace;

-- name: leave_organisation_all
-- Forget all workspaces of an organisation that has no install any more.
DELETE FROM organisation_workspace WHERE organisation = :organisation;

-- name: save_installation
-- Insert or replace an install: Slack's newest token is the one that counts.
INSERT INTO installation
  (id, enterprise_id, team_id, name, token, bot_id, bot_user_id, scopes, installer, installed_us, refresh_token,
   expires_us)
VALUES
  (:id, :enterprise_id, :team_id, :name, :token, :bot_id, :bot_user_id, :scopes, :installer, :installed_us,
   :refresh_token, :expires_us)
ON CONFLICT (id) DO UPDATE SET
  enterprise_id = excluded.enterprise_id, team_id = excluded.team_id, name = excluded.name, token = excluded.token,
  bot_id = excluded.bot_id, bot_user_id = excluded.bot_user_id, scopes = excluded.scopes,
  installer = excluded.installer, installed_us = excluded.installed_us, refresh_token = excluded.refresh_token,
  expires_us = excluded.expires_us, renewing_until_us = 0;

-- name: claim_renewal
-- Claim the token rotation of an install by compare-and-set; the claim expires, in case its process dies.
UPDATE installation SET renewing_until_us = :until_us
WHERE id = :id AND installed_us = :installed_us AND expires_us = :expires_us AND renewing_until_us <= :now_us
RETURNING id;

-- name: renew_tokens
-- Replace the tokens of the same install; a later install has tokens of its own.
UPDATE installation SET token = :token, refresh_token = :refresh_token, expires_us = :expires_us, renewing_until_us = 0
WHERE id = :id AND installed_us = :installed_us RETURNING id;

-- name: expire_token
-- Mark a token as expired because Slack refused it, whatever our clock says.
UPDATE installation SET expires_us = 1 WHERE id = :id AND installed_us = :installed_us AND expires_us = :expires_us;

-- name: lock_installation
-- Read an install's token, locked until the commit.
SELECT token FROM installation WHERE id = :id FOR UPDATE;

-- name: delete_installation
-- Delete an install with its tokens.
DELETE FROM installation WHERE id = :id RETURNING id;

-- name: installations
-- Return all installs, without tokens.
SELECT id, enterprise_id, team_id, name, bot_id, bot_user_id, scopes, installer, installed_us, expires_us
FROM installation ORDER BY id;

-- name: tokens
-- Return every token, to check that our keys still decrypt it.
SELECT id, token, refresh_token FROM installation ORDER BY id;

-- name: lock_tokens
-- Read every token, locked until the commit, to be encrypted again.
SELECT id, token, refresh_token FROM installation ORDER BY id FOR UPDATE;

-- name: replace_tokens
-- Store the same tokens under another key.
UPDATE installation SET token = :token, refresh_token = :refresh_token WHERE id = :id;

-- name: insert_audit
-- Record who installed the app, or why it is not installed any more.
INSERT INTO audit (id, at_us, workspace, actor, action, account, before_json, after_json, reason)
VALUES (:id, :now_us, :workspace, :actor, :action, :workspace, '{}', '{}', :reason);

-- name: stranded_runs
-- Return runs that cannot be answered, because the app is not installed there any more.
SELECT id FROM run
WHERE kind = 'slack' AND status <> 'done' AND cancel_requested_by IS NULL
  AND workspace NOT IN (SELECT workspace FROM installed_workspace);

-- name: close_stranded_deliveries
-- Close deliveries that wait to be replayed where the app is not installed any more.
UPDATE inbox SET done_us = :now_us, note = 'not installed'
WHERE done_us IS NULL AND workspace NOT IN (SELECT workspace FROM installed_workspace);

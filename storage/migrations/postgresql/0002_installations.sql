-- Several workspaces by one deployment: where the app is installed, with its tokens encrypted.

-- id is the workspace (T…), or the organisation (E…) of an Enterprise Grid whose install serves all its workspaces.
CREATE TABLE installation (
  id TEXT NOT NULL CONSTRAINT installation_pk PRIMARY KEY,
  enterprise_id TEXT NOT NULL DEFAULT '',
  team_id TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL DEFAULT '',
  token TEXT NOT NULL,
  bot_id TEXT NOT NULL,
  bot_user_id TEXT NOT NULL,
  scopes TEXT NOT NULL DEFAULT '',
  installer TEXT NOT NULL DEFAULT '',
  installed_us BIGINT NOT NULL,
  CONSTRAINT installation_id CHECK (id <> '' AND id IN (team_id, enterprise_id))
);

-- Workspaces of an organisation, as its deliveries named them: what we say by ourselves only knows the workspace.
CREATE TABLE organisation_workspace (
  workspace TEXT NOT NULL CONSTRAINT organisation_workspace_pk PRIMARY KEY,
  organisation TEXT NOT NULL
);

CREATE VIEW installed_workspace AS
SELECT id AS workspace FROM installation
UNION ALL
SELECT member.workspace FROM organisation_workspace AS member JOIN installation ON installation.id = member.organisation;

-- Installs that are under way: a state is given to one browser, for some minutes, for one use.
CREATE TABLE oauth_state (
  state TEXT NOT NULL CONSTRAINT oauth_state_pk PRIMARY KEY,
  expires_us BIGINT NOT NULL
);

UPDATE schema SET version = 2 WHERE version < 2;

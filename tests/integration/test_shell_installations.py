"""`agents installations` as a process, and what a bot for several workspaces refuses to start with."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from storage.database.connect import connect
from storage.installations import Installation, Installations
from tests.fakes.slack_server import SlackServer
from tests.support.ledgers import FakeClock
from tests.support.shells import Shell

TOKEN = "xoxb-never-shown"
ONE = Installation("E1", "T1", "Acme", "B1", "UBOT", "chat:write", "U1", 1_795_000_000_000_000, token=TOKEN)
ORG = Installation("E2", "", "Org", "B1", "UBOT", "chat:write", "U2", 1_795_000_000_000_000, token=TOKEN)


@pytest.fixture
async def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path, "")
    await shell.run("migrate")
    return shell


async def install(shell: Shell, key: str) -> None:
    db = await connect(f"sqlite:///{shell.folder / 'agents.db'}")
    installations = Installations(db, FakeClock(), [key])
    await installations.save(ONE)
    await installations.save(ORG)
    await db.close()


async def test_a_key_is_made_used_listed_and_rotated_without_showing_a_token(shell: Shell) -> None:
    old, new = [(await shell.run("installations", "key")).out.strip() for _ in range(2)]
    assert old != new
    await install(shell, old)
    listed = await shell.run("installations", "list")
    assert listed.out.splitlines() == [
        "E2 Org, the whole organisation: by U2 on 2026-11-18 11:06 UTC, chat:write",
        "T1 Acme: by U1 on 2026-11-18 11:06 UTC, chat:write",
    ]
    rotated = await shell.run("installations", "rotate", env={"AGENTS_TOKEN_KEYS": f"{new},{old}"})
    assert (rotated.code, rotated.out) == (0, "2 tokens are encrypted under the first key.\n")
    again = await shell.run("installations", "rotate", env={"AGENTS_TOKEN_KEYS": old})
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert again.err.startswith("agents: The token of E2 cannot be decrypted with AGENTS_TOKEN_KEYS.")
    assert TOKEN not in listed.out + rotated.out + again.err


async def test_without_a_key_nothing_is_rotated(shell: Shell) -> None:
    await install(shell, Fernet.generate_key().decode())
    refused = await shell.run("installations", "rotate")
    assert refused.err == "agents: AGENTS_TOKEN_KEYS is not set. `agents installations key` makes a key.\n"


async def test_the_operator_takes_an_install_out(shell: Shell) -> None:
    key = Fernet.generate_key().decode()
    await install(shell, key)
    async with SlackServer() as slack:
        slack.workspace.tokens = {TOKEN}
        env = {"AGENTS_TOKEN_KEYS": key, "SLACK_API_URL": slack.url}
        removed = await shell.run("installations", "remove", "T1", env=env)
        assert (removed.code, removed.out.startswith("T1 is taken out;"), removed.err) == (0, True, "")
        assert slack.tokens.revoked == {TOKEN}
        again = await shell.run("installations", "remove", "T1", env=env)
        assert (again.code, "Nothing is installed under T1." in again.err) == (1, True)
        # Its token is one that Slack knows no more.
        other = await shell.run("installations", "remove", "E2", env=env)
        assert (other.code, "Slack did not take the token back" in other.err) == (0, True)
    assert TOKEN not in removed.out + again.err + other.err
    assert (await shell.run("installations", "list")).out == ""


MANY = {
    "SLACK_CLIENT_ID": "1.2",
    "SLACK_CLIENT_SECRET": "client-secret",
    "AGENTS_TOKEN_KEYS": Fernet.generate_key().decode(),
    "SLACK_SIGNING_SECRET": "signing-secret",
}


@pytest.mark.parametrize(
    ("env", "begin"),
    [
        ({**MANY, "SLACK_BOT_TOKEN": "xoxb-1", "PORT": "3000"}, "SLACK_BOT_TOKEN and SLACK_CLIENT_ID are both set"),
        ({**MANY, "AGENTS_TOKEN_KEYS": "", "PORT": "3000"}, "AGENTS_TOKEN_KEYS must be set beside SLACK_CLIENT_ID"),
        ({**MANY, "SLACK_APP_TOKEN": "xapp-1"}, "SLACK_CLIENT_ID needs HTTP mode"),
        ({**MANY, "SLACK_SIGNING_SECRET": "", "PORT": "3000"}, "SLACK_SIGNING_SECRET must be set"),
    ],
)
async def test_what_does_not_go_together_is_one_sentence(tmp_path: Path, env: dict[str, str], begin: str) -> None:
    refused = await Shell(tmp_path, "").run("run", env=env)
    (line,) = refused.err.splitlines()
    assert refused.code == 1
    assert line.startswith(f"agents: {begin}")


async def test_the_doctor_looks_at_the_installs(shell: Shell) -> None:
    env = {**MANY, "PORT": "3000"}
    before = await shell.run("doctor", env=env)
    assert "installations: none yet. Open /slack/install" in before.out
    await install(shell, env["AGENTS_TOKEN_KEYS"])
    sound = await shell.run("doctor", env={**env, "AGENTS_WORKSPACES": "T1,E2"})
    assert "installations: 2, and every token can be decrypted." in sound.out
    open_to_all = await shell.run("doctor", env=env)
    assert "installations: 2. Whoever has the link can install it" in open_to_all.out
    strange = await shell.run("doctor", env={**env, "AGENTS_WORKSPACES": "T1"})
    assert "installations: E2 installed it and AGENTS_WORKSPACES does not name them." in strange.out
    assert "SLACK_BOT_TOKEN: not set. docs" not in sound.out
    other = await shell.run("doctor", env={**env, "AGENTS_TOKEN_KEYS": Fernet.generate_key().decode()})
    assert "installations: The token of E2 cannot be decrypted" in other.out
    missing = await shell.run("doctor", env={**env, "PORT": "", "AGENTS_TOKEN_KEYS": ""})
    assert "Slack: AGENTS_TOKEN_KEYS must be set beside" in missing.out
    assert "PORT: SLACK_CLIENT_ID needs HTTP mode" in missing.out

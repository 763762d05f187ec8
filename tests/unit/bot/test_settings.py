"""The environment becomes one frozen value; what cannot be used is named in a sentence."""

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.setting_values import NO_HOME
from bot.settings import SHIPPED_ROSTER, VARIABLES, ensure_home, read_settings, setup_mistakes
from patterns.core.errors import UserError
from storage.queue_bounds import QueueBounds


def test_nothing_set_means_sqlite_and_the_shipped_roster(tmp_path: Path) -> None:
    settings = read_settings({"AGENTS_DATA_DIR": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path / 'agents.db'}"
    assert settings.is_sqlite
    assert settings.roster_path == SHIPPED_ROSTER
    assert settings.slack_api_url == "https://slack.com/api/"
    assert (settings.port, settings.admins, settings.timezone, settings.log_level) == (None, frozenset(), "", "info")


def test_admins_are_a_list_with_commas() -> None:
    assert read_settings({"AGENTS_ADMINS": " U1, U2,,"}).admins == frozenset({"U1", "U2"})


def test_a_bound_of_the_queue_that_is_not_named_keeps_its_default() -> None:
    assert read_settings({"AGENTS_QUEUE": "person=5, all=50"}).queue == QueueBounds(person=5, channel=500, all=50)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_names_of_postgresql_mean_the_same(scheme: str) -> None:
    settings = read_settings({"DATABASE_URL": f"{scheme}://db/agents"})
    assert (settings.database_url, settings.is_sqlite) == ("postgresql://db/agents", False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:3000/api", "http://127.0.0.1:3000/api/"])
def test_another_slack_ends_with_one_slash(url: str) -> None:
    assert read_settings({"SLACK_API_URL": url}).slack_api_url == "http://127.0.0.1:3000/api/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "³"),
        ("DATABASE_URL", "mysql://db/agents"),
        ("AGENTS_TIMEZONE", "Europe/Atlantis"),
        ("AGENTS_TIMEZONE", "../etc/passwd"),
        ("SLACK_API_URL", "127.0.0.1:3000"),
        ("AGENTS_LOG_LEVEL", "loud"),
        ("AGENTS_QUEUE", "team=5"),
        ("AGENTS_QUEUE", "person=0"),
        ("AGENTS_QUEUE", "person=many"),
        ("AGENTS_QUEUE", "all=100001"),
        ("AGENTS_TOKEN_KEYS", "short"),
        ("AGENTS_WORKSPACES", "T012ABCDEF,acme"),
        ("AGENTS_WORKSPACES", "U012ABCDEF"),
        ("AGENTS_TOKEN_KEYS", f"{'A' * 43}=,{'A' * 42}="),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(UserError, match=name):
        read_settings({name: value})


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    secrets = {variable.name: f"value-of-{variable.name}" for variable in VARIABLES if variable.secret}
    secrets["AGENTS_TOKEN_KEYS"] = Fernet.generate_key().decode()
    secrets["AGENTS_MCP_TOKENS"] = "a-token-of-20-characters=T1/C1/U1"
    shown = repr(read_settings({**secrets, "DATABASE_URL": "postgresql://me:pass@db/agents"}))
    assert "pass" not in shown
    assert [name for name, value in secrets.items() if value.partition("=")[0] in shown] == []


MANY = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s", "AGENTS_TOKEN_KEYS": f"{'A' * 43}="}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, []),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, []),
        (MANY, []),
        ({**MANY, "AGENTS_ADMINS": "T1:U1"}, []),
        ({**MANY, "SLACK_BOT_TOKEN": "xoxb-1"}, ["SLACK_BOT_TOKEN and SLACK_CLIENT_ID"]),
        ({**MANY, "SLACK_CLIENT_SECRET": ""}, ["SLACK_CLIENT_ID and SLACK_CLIENT_SECRET"]),
        ({"SLACK_CLIENT_SECRET": "s"}, ["SLACK_CLIENT_ID and SLACK_CLIENT_SECRET"]),
        ({**MANY, "AGENTS_TOKEN_KEYS": ""}, ["AGENTS_TOKEN_KEYS"]),
        ({**MANY, "AGENTS_ADMINS": "T1:U1,U2"}, ["AGENTS_ADMINS must say in which workspace U2"]),
    ],
)
def test_what_several_workspaces_take_is_said_in_a_sentence_each(env: dict[str, str], expected: list[str]) -> None:
    mistakes = setup_mistakes(read_settings(env))
    assert len(mistakes) == len(expected)
    assert all(said.startswith(begin) for said, begin in zip(mistakes, expected, strict=True))


def test_a_user_without_a_home_gets_one_that_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("HOME", "/home/kim")
    ensure_home()
    assert os.environ["HOME"] == "/home/kim"
    monkeypatch.setattr(Path, "home", homeless)
    ensure_home()
    assert os.environ["HOME"] == NO_HOME


def test_without_a_home_the_ledger_needs_a_place() -> None:
    with pytest.raises(UserError, match="Set AGENTS_DATA_DIR to a folder that lasts, or DATABASE_URL"):
        read_settings({"HOME": NO_HOME})
    assert not read_settings({"HOME": NO_HOME, "DATABASE_URL": "postgres://u@h/db"}).is_sqlite
    assert read_settings({"HOME": NO_HOME, "AGENTS_DATA_DIR": "/data"}).data_dir == Path("/data")


def test_http_mode_listens_where_the_operator_says() -> None:
    assert [read_settings(env).host for env in ({}, {"AGENTS_HOST": ""}, {"AGENTS_HOST": "127.0.0.1"})] == [
        "0.0.0.0",  # noqa: S104 - the default that is tested
        "0.0.0.0",  # noqa: S104 - same
        "127.0.0.1",
    ]

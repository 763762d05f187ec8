"""Bolt's app as we make it: quiet about the environment, and authorised by the workspace a delivery names."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.bolt_app import bolt_app
from bot.listeners.foreground import Foreground
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.engine import Engine
from bot.settings import read_settings
from bot.slack.token_rotation import TokenRotation
from bot.slack.workspaces import InstalledTokens, OneToken, slack_client, slack_session
from storage.installations import Installations

TOKEN = {"SLACK_BOT_TOKEN": "xoxb-of-a-test"}
MANY = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s", "AGENTS_TOKEN_KEYS": Fernet.generate_key().decode()}


@pytest.fixture
async def engine(tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    # Bolt looks at the process's environment by itself.
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = read_settings({**env, "AGENTS_DATA_DIR": str(tmp_path), "OPENAI_API_KEY": "k"})
    async with open_engine(settings, await choose_models(settings)) as opened:
        yield opened


@pytest.mark.parametrize("env", [TOKEN, MANY])
async def test_bolt_has_nothing_to_warn_of(
    engine: Engine, env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    keys = engine.settings.fernet_keys
    installations = Installations(engine.db, engine.clock, keys)
    with caplog.at_level(logging.INFO, logger="slack_bolt"):
        async with slack_session() as session:
            renewal = TokenRotation(installations, slack_client(session, ""), engine.settings, engine.clock)
            tokens = (
                InstalledTokens(installations, renewal)
                if keys
                else OneToken(engine.settings.slack_bot_token.get_secret_value())
            )
            app = bolt_app(engine, session, tokens, Foreground())
    assert caplog.messages == []
    assert (app.client.token, app.client.session, app.client.retry_handlers) == (
        env.get("SLACK_BOT_TOKEN"),
        session,
        [],
    )
    assert (app.oauth_flow is not None) == (env is MANY)

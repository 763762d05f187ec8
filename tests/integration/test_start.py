"""The start: ready before litellm is imported, and what is asked meanwhile is acknowledged, kept and answered once."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.runs.dispatcher import LocalDispatcher
from bot.serve import _until
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.support.running_bot import House, Opened, bot_environment

DECIDE = "use decide: SQLite or PostgreSQL?"
ANSWER = "Take SQLite now"
NOWHERE = "http://127.0.0.1:9/"
LATER = ("litellm", "openai", "psycopg", "matplotlib", "uvicorn", "starlette", "procrastinate")
"""What a bot of one workspace over Socket Mode and SQLite need not load before it is ready."""
START = """
import asyncio, json, os, sys
from bot.app import open_bot
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.serve import listen
from bot.settings import read_settings
from patterns.core.errors import RosterError

async def main():
    settings = read_settings(dict(os.environ))
    try:
        async with open_engine(settings, await choose_models(settings)) as engine, open_bot(engine):
            return "ready"
    except RosterError as error:
        return str(error)

said = asyncio.run(main())
print(json.dumps([said, [name for name in %r if name in sys.modules]]))
"""


def started(folder: Path, roster: str = "") -> tuple[str, list[str]]:
    """What a start in a process of its own said, and what was loaded that can wait."""
    env = bot_environment(api_url=NOWHERE, provider_url=f"{NOWHERE}v1", folder=folder)
    if roster:
        (folder / "own.yml").write_text(roster, encoding="utf-8")
        env["AGENTS_ROSTER"] = str(folder / "own.yml")
    told = subprocess.run([sys.executable, "-c", START % (LATER,)], env=env, capture_output=True, text=True, check=True)
    said, loaded = json.loads(told.stdout.splitlines()[-1])
    return said, loaded


def test_a_bot_is_ready_before_anything_that_can_wait_is_loaded(tmp_path: Path) -> None:
    assert started(tmp_path)[0] == "ready"  # makes the database, with drivers of both kinds
    assert started(tmp_path) == ("ready", [])


def test_a_model_without_a_price_is_refused_before_litellm_is_loaded(tmp_path: Path) -> None:
    roster = "extends: shipped\nmodels:\n  fast: {model: openai/nobody-knows-this}\n"
    started(tmp_path)
    said, loaded = started(tmp_path, roster)
    assert said.startswith("No price is known for fast (openai/nobody-knows-this).")
    assert loaded == []


class Import:
    """litellm's import, as long as a test wants it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def warm(self) -> None:
        await self.over.wait()


@pytest.fixture
def importing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    litellm_sdk()  # only what waits for it is tried here
    held = Import()
    monkeypatch.setattr(LiteLLMClient, "warm", held.warm)
    monkeypatch.setattr(LiteLLMClient, "is_warm", property(lambda _: held.over.is_set()))
    return held


def answers(slack: SlackServer) -> int:
    said = [m for m in slack.messages() if m["user"] == BOT_USER]
    return sum(ANSWER in json.dumps([m["text"], m.get("blocks", [])]) for m in said)


def kept(house: House) -> int:
    return house.ledger("SELECT COUNT(*) FROM inbox WHERE done_us IS NULL")


def runs(house: House) -> int:
    return house.ledger("SELECT COUNT(*) FROM run")


async def test_a_request_during_the_import_is_acknowledged_kept_and_answered_once(
    slack: SlackServer, importing: Import, opened: Opened
) -> None:
    async with opened() as house:
        await slack.command(DECIDE)  # returns with the acknowledgement
        assert (kept(house), runs(house), slack.messages()) == (1, 0, [])
        importing.over.set()
        await slack.wait_for(lambda: answers(slack))
        await house.until_no_run_is_open()
        assert (answers(slack), kept(house), runs(house)) == (1, 0, 1)


async def test_a_request_during_the_import_of_a_process_that_died_is_answered_once_by_the_next(
    slack: SlackServer, importing: Import, opened: Opened, provider: Provider
) -> None:
    async with opened() as house:
        await slack.command(DECIDE)
        assert (kept(house), runs(house)) == (1, 0)
    assert provider.calls == []
    importing.over.set()
    async with opened() as house:
        await slack.wait_for(lambda: answers(slack))
        await house.until_no_run_is_open()
        assert (answers(slack), kept(house), runs(house)) == (1, 0, 1)


async def test_a_run_left_by_another_process_waits_for_the_import_unclaimed(
    slack: SlackServer, importing: Import, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.over.set()
    with monkeypatch.context() as dying:
        dying.setattr(LocalDispatcher, "_start", lambda *_: None)
        async with opened() as house:
            await slack.command(DECIDE)
            await house.bot.background.drain(10)
            assert runs(house) == 1
    importing.over.clear()
    async with opened() as house:
        assert house.ledger("SELECT epoch FROM run") == 0
        importing.over.set()
        await slack.wait_for(lambda: answers(slack))
        await house.until_no_run_is_open()
        assert (answers(slack), house.ledger("SELECT epoch FROM run")) == (1, 1)


async def test_the_request_form_opens_without_prices_during_the_import_and_with_them_after(
    slack: SlackServer, importing: Import, opened: Opened
) -> None:
    async with opened():
        await slack.command("")
        first = json.dumps(await slack.wait_for(lambda: slack.calls("views.open")))
        importing.over.set()
        await slack.command("")
        await slack.wait_for(lambda: slack.calls("views.open")[1:])
        second = json.dumps(slack.calls("views.open")[1])
    assert ("at most $" in first, "at most $" in second) == (False, True)


async def test_what_keeps_litellm_from_being_imported_ends_the_process(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_client: LiteLLMClient) -> None:
        raise ImportError("no such module")

    monkeypatch.setattr(LiteLLMClient, "warm", broken)

    async with opened() as house:
        with pytest.raises(ImportError, match="no such module"):
            await _until(asyncio.Event(), house.bot.loading)

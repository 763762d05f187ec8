"""The bot as a process: it leaves when told to, finishes what it can, and refuses what it cannot share."""

import asyncio
import json
import random
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo.process import free_port
from storage.database.connect import connect
from tests.crash.fleet import Member
from tests.crash.storm_slack import StormSlack, looks, named
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.team import Team
from tests.support.ledgers import rows
from tests.support.running_bot import bot_environment

SOON_S = 30


@dataclass
class Model:
    """A model that says when it is asked, and answers when it may."""

    asked: asyncio.Event
    may_answer: asyncio.Event

    async def __call__(self, call: Call) -> Reply:
        self.asked.set()
        await self.may_answer.wait()
        return Team()(call)


@pytest.fixture
def model() -> Model:
    return Model(asyncio.Event(), asyncio.Event())


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def slack(port: int) -> AsyncIterator[StormSlack]:
    async with StormSlack(random.Random(1), lambda: [f"http://127.0.0.1:{port}/slack/events"]) as slack:
        yield slack


@pytest.fixture
async def bot(slack: StormSlack, model: Model, port: int, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Member]:
    async with Provider(model, strict=False) as provider:
        env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
        member = Member("run", port, env | {"DATABASE_URL": sqlite_url}, tmp_path / "bot.log")
        member.start()
        try:
            await member.ready()
            yield member
        finally:
            member.kill()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Member]:
    """A program that is expected to refuse."""
    env = bot_environment(api_url="http://127.0.0.1:9/", provider_url="http://127.0.0.1:9/v1", folder=tmp_path)
    member = Member("web", None, env, tmp_path / "alone.log")
    yield member
    member.kill()


def ended(member: Member) -> tuple[int, str]:
    """How it ended, and the last thing it said."""
    code = member.process.wait(SOON_S)
    return code, member.log.read_text().splitlines()[-1]


async def asked(slack: StormSlack, model: Model) -> None:
    """A request whose model is thinking."""
    await slack.command("use answer: storm number 1", channel="C0STORM00")
    await asyncio.wait_for(model.asked.wait(), SOON_S)


async def test_told_to_leave_it_lets_what_runs_end_and_tells_it(bot: Member, slack: StormSlack, model: Model) -> None:
    await asked(slack, model)
    bot.process.send_signal(signal.SIGTERM)
    model.may_answer.set()
    assert await asyncio.to_thread(bot.process.wait, SOON_S) == 0
    assert [name for (_run, name), count in slack.posted().items() if count == 1] == ["root", "progress"]
    shown = {(named(message) or ("", ""))[1]: looks(message) for _channel, message in slack.shown()}
    assert "run_details" in json.dumps([message for _channel, message in slack.shown()])
    assert "⏳" not in shown["progress"]
    roots = [message for _channel, message in slack.shown() if (named(message) or ("", ""))[1] == "root"]
    assert ["✅ answered" in looks(root) for root in roots] == [True]


async def test_told_twice_it_leaves_at_once_and_the_next_one_goes_on(
    bot: Member, slack: StormSlack, model: Model, sqlite_url: str
) -> None:
    await asked(slack, model)
    bot.process.send_signal(signal.SIGTERM)
    await logged(bot, "draining")
    bot.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(bot.process.wait, SOON_S) == -signal.SIGKILL
    model.may_answer.set()
    bot.start()
    await bot.ready()
    await slack.wait_for(lambda: any(name == "answer/0" for _run, name in slack.posted()), SOON_S)
    database = await connect(sqlite_url)
    assert [row["stop_reason"] for row in await rows(database, "SELECT stop_reason FROM run")] == ["completed"]
    assert [row["state"] for row in await rows(database, "SELECT state FROM call ORDER BY opened_us LIMIT 1")] == [
        "uncertain"
    ]
    await database.close()


async def logged(member: Member, word: str) -> None:
    async with asyncio.timeout(SOON_S):
        while word not in member.log.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


async def test_a_second_bot_on_the_same_folder_is_refused(bot: Member, tmp_path: Path) -> None:
    second = Member("run", free_port(), bot.env, tmp_path / "second.log")
    second.start()
    code, said = await asyncio.to_thread(ended, second)
    assert (code, said) == (
        1,
        (
            f"agents: Another bot already runs on the ledger {tmp_path / 'agents.db'}. Stop it first, or set "
            "AGENTS_DATA_DIR to another folder."
        ),
    )


@pytest.mark.parametrize("command", ["web", "worker"])
def test_several_processes_refuse_sqlite(alone: Member, command: str) -> None:
    alone.role = command
    alone.start()
    assert ended(alone) == (
        1,
        (
            "agents: Several processes need PostgreSQL: set DATABASE_URL to postgresql://…, or start the bot with "
            "`agents run`."
        ),
    )


async def test_told_to_leave_while_it_starts_it_leaves(alone: Member) -> None:
    """Slack takes the connection and says nothing, so that it never gets ready."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        alone.env = {**alone.env, "SLACK_API_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/api/"}
        alone.role = "run"
        alone.start()
        asked, _address = await asyncio.to_thread(silent.accept)
        with asked:
            alone.ask_to_leave()
            assert await alone.left(SOON_S)
    assert alone.process.poll() == 0
    assert "stopped_before_ready" in alone.log.read_text()

"""The machine in trouble, fault by fault: each ends in an answer or a plain reason, and what was paid is paid once.

The table of docs/operations.md names these tests. Processes that die or stand still: `tests.crash`,
`test_many_machines.py`, and at the end of this file.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot import app
from bot.clock import SystemClock
from bot.listeners.inbox_middleware import NOT_STORED
from bot.runs import lease
from storage.database import sqlite
from tests.crash.fleet import ROOT, Member, Process, Start
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import ANSWER, Team
from tests.integration.test_slack_faults import ASK, CALLS, PLATFORM, World, open_world
from tests.support.running_bot import House, bot_environment, open_house

SOON_S = 60


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.2)
    monkeypatch.setattr(app, "OVERDUE_S", 2.0)
    async with open_world(tmp_path) as world:
        await world.authorized()
        yield world


# ---------------------------------------------------------------- disk and database


@dataclass
class Disk:
    """A disk whose faults a test switches on: SQLite's error code for every COMMIT."""

    code: int = 0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk, execute = Disk(), sqlite3.Connection.execute

    def failing(self: sqlite3.Connection, sql: str, *params: Any) -> sqlite3.Cursor:
        if sql != "COMMIT" or not disk.code or not self.in_transaction or not _writes(self):
            return execute(self, sql, *params)
        error = sqlite3.OperationalError("injected")
        error.sqlite_errorcode = disk.code
        raise error

    monkeypatch.setattr(sqlite._Connection, "execute", failing, raising=False)
    return disk


def _writes(connection: sqlite3.Connection) -> bool:
    return not sqlite3.Connection.execute(connection, "PRAGMA query_only").fetchone()[0]


FULL = pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE], ids=["full", "broken"])


@FULL
async def test_what_the_disk_does_not_take_is_refused_or_sent_again(world: World, disk: Disk, code: int) -> None:
    world.slack.ack_s = 1.0
    disk.code = code
    assert await world.slack.command("use answer with researcher: when PostgreSQL?") == {
        "response_type": "ephemeral",
        "text": NOT_STORED,
    }
    asyncio.get_running_loop().call_later(1.5, setattr, disk, "code", 0)
    await world.slack.say(ASK)  # Slack sends it again until it is acknowledged
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


@FULL
async def test_a_disk_that_fills_while_the_model_works_costs_no_second_call(
    world: World, disk: Disk, code: int
) -> None:
    def fills() -> None:
        disk.code = code
        asyncio.get_running_loop().call_later(3.0, setattr, disk, "code", 0)

    world.at_the_model.append(fills)
    await world.slack.say(ASK)
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


@contextlib.contextmanager
def locked(house: House) -> Iterator[None]:
    """Another process writes to the database and does not come to its end."""
    other = sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.parametrize("moment", ["request", "model"])
async def test_a_database_that_is_locked_for_long_loses_nothing_and_pays_nothing_twice(
    world: World, moment: str
) -> None:
    """Locked for ten times the time that SQLite waits by itself."""
    lock = locked(world.house)

    def locks() -> None:
        lock.__enter__()
        asyncio.get_running_loop().call_later(2.0, lock.__exit__, None, None, None)

    world.slack.ack_s = 1.0
    if moment == "request":
        locks()
    else:
        world.at_the_model.append(locks)
    await world.slack.say(ASK)
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


# ---------------------------------------------------------------- names


SLOW_ROSTER = """
version: 1
models:
  near: {model: auto, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
  far: {model: openai/far, api_base: "http://slow.invalid/v1", price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
agents:
  quick: {description: Writes., model: near, prompt: researcher, max_output_tokens: 300, timeout_s: 30}
  remote: {description: Writes., model: far, prompt: researcher, max_output_tokens: 300, timeout_s: 1}
flows:
  answer: {description: One agent., agent: quick}
  distant: {description: One agent., agent: remote}
router: {model: near, default: answer, min_confidence: 0.6}
limits: {run_usd: 5, run_s: 300, confirm_above_usd: 1, concurrency: 8, steps: 10}
budgets: {workspace_usd: 100, default_channel_usd: 25, dm_user_usd: 5, new_channels: on, timezone: UTC, alerts: [80]}
"""


async def test_names_that_resolve_slowly_hold_up_nobody_else_and_cost_nothing(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def slow(host: Any, *how: Any, **more: Any) -> Any:
        if host == "slow.invalid":
            time.sleep(4)
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return resolve(host, *how, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    async with (
        Provider(lambda _: Reply(ANSWER)) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path, roster=SLOW_ROSTER) as house,
    ):
        for number in range(4):
            await slack.say(f"<@{BOT_USER}> use distant: what is far {number}?")
        await slack.say(f"<@{BOT_USER}> use answer: what is near?")
        await slack.wait_for(lambda: any("once two programs write" in json.dumps(m) for m in slack.messages()))
        over = house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done' AND flow = 'distant'")
        await house.until_told(runs=5)
        reasons = [m for m in slack.messages() if "did not respond in time" in json.dumps(m)]
        assert (over < 4, len(reasons), house.held_nusd()) == (True, 4, 0)
        assert house.ledger("SELECT COUNT(*) FROM call WHERE state IN ('settled', 'uncertain')") == 1


# ---------------------------------------------------------------- the clock


@pytest.mark.parametrize("hours", [-1, 1, 24 * 40])
async def test_a_clock_that_jumps_while_the_model_works_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    now_us = SystemClock.now_us

    def jumps() -> None:
        monkeypatch.setattr(SystemClock, "now_us", lambda self: now_us(self) + hours * 3_600_000_000)

    world.at_the_model.append(jumps)
    await world.slack.say(ASK)
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


# ---------------------------------------------------------------- processes of their own


@dataclass
class Slow:
    """A model that says when it is asked, and takes its time."""

    asked: asyncio.Event
    delay_s: float

    async def __call__(self, call: Call) -> Reply:
        self.asked.set()
        return Reply(Team()(call).text, delay_s=self.delay_s)


def limited(descriptors: int) -> Any:
    """A starter of processes that may open so many files."""

    def start(start: Start) -> Process:
        words = f"ulimit -n {descriptors}; exec {sys.executable} -c 'from bot.cli import main; main()' run"
        with start.log.open("ab") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", words], cwd=ROOT, env=dict(start.env), stdout=log, stderr=log, start_new_session=True
            )

    return start


@contextlib.asynccontextmanager
async def process(folder: Path, slack: SlackServer, provider: Provider, **how: Any) -> AsyncIterator[Member]:
    """A bot as a program of its own, over Socket Mode."""
    env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=folder)
    member = Member("run", None, {**env, **how.pop("env", {})}, folder / "bot.log", **how)
    member.start()
    try:
        assert await member.ready(), member.said().decode()
        async with asyncio.timeout(SOON_S):
            while b"models_loaded" not in member.said():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.1)
        yield member
    finally:
        member.kill()


def ledger(folder: Path, question: str) -> int:
    with contextlib.closing(sqlite3.connect(folder / "agents.db")) as db:
        return int(db.execute(question).fetchone()[0])


async def until(folder: Path, question: str, expected: int) -> None:
    async with asyncio.timeout(SOON_S):
        while ledger(folder, question) != expected:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)


OVER = "SELECT COUNT(*) FROM run WHERE status = 'done'"
OWED = "SELECT COUNT(*) FROM slack_out WHERE state = 'intended'"
PAID = "SELECT COUNT(*) FROM call WHERE state IN ('settled', 'uncertain')"


async def test_a_process_that_stood_still_longer_than_its_lease_answers_once_and_pays_once(
    slack: SlackServer, tmp_path: Path
) -> None:
    model = Slow(asyncio.Event(), delay_s=1.0)
    folder = tmp_path
    async with Provider(model, strict=False) as provider, process(folder, slack, provider) as bot:
        await slack.say(ASK)
        await model.asked.wait()
        os.kill(bot.process.pid, signal.SIGSTOP)
        await asyncio.sleep(lease.LEASE_S + 2)
        os.kill(bot.process.pid, signal.SIGCONT)
        await until(folder, OVER, 1)
        await until(folder, OWED, 0)
        answers = [m for m in slack.messages(PLATFORM) if "once two programs write" in json.dumps(m)]
        assert (len(answers), len(provider.calls), ledger(folder, PAID)) == (1, CALLS, CALLS)


async def test_without_file_descriptors_every_request_ends_in_an_answer_or_a_reason(
    slack: SlackServer, tmp_path: Path
) -> None:
    """Sixteen requests want a connection each, and there is room for about ten."""
    requests, folder = 16, tmp_path
    roomy = {"AGENTS_QUEUE": "person=100"}
    people = [f"U0CROWD{number}" for number in range(requests)]
    for number, user in enumerate(people):
        slack.workspace.add_user(user, user.lower())
        slack.workspace.add_channel(f"C0CROWD{number}", f"crowd{number}", {user, BOT_USER})
    model = Slow(asyncio.Event(), delay_s=2.0)
    async with (
        Provider(model, strict=False) as provider,
        process(folder, slack, provider, starter=limited(32), env=roomy) as bot,
    ):
        await asyncio.gather(
            *(slack.say(ASK, user=user, channel=f"C0CROWD{number}") for number, user in enumerate(people))
        )
        await until(folder, OVER, requests)
        await until(folder, OWED, 0)
        told = [m for n in range(requests) for m in slack.messages(f"C0CROWD{n}") if m["user"] == BOT_USER]
        answered = sum("once two programs write" in json.dumps(m) for m in told)
        reasons = sum("could not be reached" in json.dumps(m) or "has been failing" in json.dumps(m) for m in told)
        assert (answered + reasons, answered > 0, reasons > 0) == (requests, True, True), bot.said()[-3000:].decode()
        assert (len(provider.calls), ledger(folder, PAID)) == (answered, answered)

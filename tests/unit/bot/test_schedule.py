"""The chores: done once however many think of them, and never the reason why a promise is kept."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot import schedule
from bot.messages.renderer import Renderer
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models, policy_of
from bot.runs.engine import Engine
from bot.schedule import DAY_US, Scheduler
from bot.setting_values import Retention
from bot.settings import read_settings
from bot.slack.errors import SlackError
from storage.chores import LEASE_US
from storage.inbox import Inbox
from storage.ledger.balances import Balances
from storage.ledger.ledger import SqlLedger
from storage.ledger.periods import ClockGuard
from storage.personal_data import PersonalData
from tests.support.ledgers import CENT, POLICY, Asking, FakeClock, open_run, rows, settled

MIDNIGHT_US = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1_000_000
"""November begins."""


class Out:
    """Takes posts, or refuses the next ones."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []
        self.refusals: list[SlackError] = []

    def of(self, workspace: str) -> "Out":
        assert workspace == "T1"
        return self

    async def post_once(self, run_id: str, name: str, *, channel: str, message: Any) -> str:
        assert (run_id, name) == ("month/T1/C1/2026-11", "C1")
        if self.refusals:
            raise self.refusals.pop()
        self.posts.append((channel, message.text))
        return "1.1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT_US + 60 * 1_000_000)


@pytest.fixture
def out() -> Out:
    return Out()


@pytest.fixture
async def engine(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Engine]:
    settings = read_settings({"AGENTS_DATA_DIR": str(tmp_path), "OPENAI_API_KEY": "k"})
    async with open_engine(settings, await choose_models(settings)) as opened:
        balances = Balances(opened.db, clock, policy_of(settings, opened.roster))
        yield replace(opened, clock=clock, guard=ClockGuard(clock), balances=balances)


@pytest.fixture
def inbox(engine: Engine, clock: FakeClock) -> Inbox:
    return Inbox(engine.db, clock)


def scheduler(engine: Engine, out: Out, inbox: Inbox, *, owner: str = "A") -> Scheduler:
    """With what the chores under test need, and nothing of what the others do."""
    executor = SimpleNamespace(owner=owner)
    needed = {"engine": engine, "executor": executor, "slack": out, "inbox": inbox, "renderer": Renderer("plain")}
    needed |= {"personal_data": PersonalData(engine.db, engine.clock, engine.files)}
    return Scheduler(**{field.name: needed.get(field.name) for field in fields(Scheduler)})


async def spend_in_october(engine: Engine) -> None:
    """Fifty cents in two calls of channel C1."""
    asking, october = Asking(), FakeClock(MIDNIGHT_US - DAY_US)
    await open_run(engine.db, asking)
    ledger = SqlLedger(engine.db, october, POLICY, guard=ClockGuard(october))
    for nusd in (20 * CENT, 30 * CENT):
        await ledger.settle(await ledger.hold(asking.hold(nusd)), settled(nusd), asking.fence)
    await ledger.close()


async def test_a_new_month_is_announced_once_by_whoever_comes_first(engine: Engine, out: Out, inbox: Inbox) -> None:
    await spend_in_october(engine)
    for owner in ("A", "B", "A"):
        await scheduler(engine, out, inbox, owner=owner).announce()
    expected = "October 2026: $0.50 in 2 calls. November 2026 begins with $25.00 for this channel."
    assert out.posts == [("C1", expected)]


async def test_the_month_turns_by_the_zone_of_the_place(engine: Engine, out: Out, inbox: Inbox) -> None:
    west = replace(engine, settings=engine.settings.model_copy(update={"timezone": "America/New_York"}))
    await spend_in_october(engine)
    await scheduler(west, out, inbox).announce()
    assert out.posts == []


async def test_nothing_is_announced_while_the_clock_is_not_trusted(
    engine: Engine, out: Out, inbox: Inbox, clock: FakeClock
) -> None:
    await spend_in_october(engine)
    engine.guard.observe(f"{clock.us // 1_000_000 - 3600}.000000")
    await scheduler(engine, out, inbox).announce()
    assert out.posts == []


async def test_an_announcement_that_slack_did_not_take_is_tried_again(engine: Engine, out: Out, inbox: Inbox) -> None:
    await spend_in_october(engine)
    out.refusals = [SlackError("unreachable", code="connection", method="chat.postMessage")]
    await scheduler(engine, out, inbox).announce()
    await scheduler(engine, out, inbox).announce()
    assert len(out.posts) == 1


async def test_an_announcement_slack_refuses_is_tried_again_now_and_then(
    engine: Engine, out: Out, inbox: Inbox, clock: FakeClock
) -> None:
    await spend_in_october(engine)
    out.refusals = [SlackError.of("is_archived", "chat.postMessage")]
    for _ in range(2):
        await scheduler(engine, out, inbox).announce()
    assert out.posts == []
    clock.us += LEASE_US
    for _ in range(2):
        await scheduler(engine, out, inbox).announce()
    assert len(out.posts) == 1


async def test_deliveries_are_forgotten_after_a_week(engine: Engine, out: Out, inbox: Inbox, clock: FakeClock) -> None:
    await inbox.store("k1", "T1", "command", {"text": "a secret plan"})
    await inbox.mark_processed("k1")
    await scheduler(engine, out, inbox).tidy()
    assert await inbox.find("k1", workspace="T1") is not None
    clock.us += Retention().deliveries * DAY_US + 1
    await scheduler(engine, out, inbox).tidy()
    assert await rows(engine.db, "SELECT key FROM inbox") == []


async def test_a_chore_under_way_has_ended_when_the_block_is_left_and_that_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What it lets go of at its end needs the database, which is closed next."""
    begun, ended = asyncio.Event(), []

    async def resume_orphans() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("take_up")

    async def nothing() -> None:
        """Any other chore."""

    needed: dict[str, Any] = {field.name: nothing for field in fields(Scheduler)}
    needed["executor"] = SimpleNamespace(resume_orphans=resume_orphans)
    needed["reminders"] = SimpleNamespace(process_waiting=nothing)
    needed["engine"] = SimpleNamespace(db=None, clock=FakeClock())
    async with Scheduler(**needed).running():
        await begun.wait()
    assert ended == ["take_up"]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_chores_go_on_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """APScheduler would sleep until the time of day that it had planned for."""
    hour_s, turn = 3600.0, asyncio.Event()

    async def resume_orphans() -> None:
        turn.set()

    async def nothing() -> None:
        """Any other chore."""

    needed: dict[str, Any] = {field.name: nothing for field in fields(Scheduler)}
    needed["executor"] = SimpleNamespace(resume_orphans=resume_orphans)
    needed["reminders"] = SimpleNamespace(process_waiting=nothing)
    needed["engine"] = SimpleNamespace(db=None, clock=FakeClock())
    monkeypatch.setattr(schedule, "CLOCK_CHECK_S", 0.01)
    async with Scheduler(**needed).running():
        real = time.time
        await turn.wait()
        turn.clear()
        monkeypatch.setattr(schedule, "STEP_S", -1)  # one look is enough, whatever it sees
        monkeypatch.setattr(time, "time", lambda: real() - hour_s)
        async with asyncio.timeout(schedule.RESUME_S / 2):
            await turn.wait()

"""Two workspaces whose channels, people, threads and keys have the very same ids: nothing of one shows in the other."""

import json
from dataclasses import replace
from typing import Any

import pytest

from patterns.core.errors import ParkedError, UserError
from patterns.core.holds import Charged, Payer
from patterns.core.questions import Question
from storage.channels import ChannelSettings
from storage.chores import Chores
from storage.database.database import Database
from storage.history import History
from storage.inbox import Inbox
from storage.ledger.balances import Balances
from storage.ledger.budgets import Budgets
from storage.ledger.ledger import SqlLedger
from storage.ledger.reports import Reports
from storage.questions import Questions
from storage.run_rows import NewRun, RunRow
from storage.runs import RunStore
from storage.threads import Thread, Threads
from tests.support.ledgers import CENT, POLICY, START_US, USD, Asking, FakeClock, park

HERE, THERE = Payer("T1", "C1", "channel", "U1"), Payer("T2", "C1", "channel", "U1")
THREAD = "1.1"
MONTH = "2026-11"


@pytest.fixture
async def mine(database: Database, clock: FakeClock, ledger: SqlLedger) -> RunRow:
    """A run of T1 that was paid for, doubted, and waits for a word on its draft, with limits of its own."""
    run = await accept(RunStore(database, clock), HERE)
    asking = Asking(run_id=run.id, payer=HERE, epoch=run.epoch)
    hold = await ledger.hold(asking.hold(30 * CENT))
    await ledger.settle(hold, Charged("uncertain", 30 * CENT, reason="lost"), asking.fence)
    budgets = Budgets(database, clock, POLICY)
    await budgets.set_limit(HERE, 7 * USD, actor="U9", reason="secret plan")
    await budgets.grant(HERE, USD, actor="U9", reason="secret plan", key="trigger:1")
    await ChannelSettings(database, clock).save({"who": "admins"}, workspace="T1", channel="C1", actor="U9")
    await Inbox(database, clock).store("k1", "T1", "command", {"text": "secret plan"})
    with pytest.raises(ParkedError):
        await Questions(database, clock).ask(run.fence, "review", Question(kind="approve", title="t", draft="secret"))
    await park(RunStore(database, clock), run.fence, executed_ms=5)
    return run


async def accept(store: RunStore, payer: Payer) -> RunRow:
    new = NewRun(
        workspace=payer.workspace,
        channel=payer.channel,
        channel_kind="channel",
        thread_ts=THREAD,
        user=payer.user,
        kind="slack",
        request="the secret plan",
        flow="draft",
        options={"message_ts": THREAD},
        roster_hash="h",
        roster_json="{}",
        delivery_key="k1",
    )
    run = await store.claim((await store.accept(new))[0], owner="A", lease_s=30)
    assert run is not None
    return run


async def seen(database: Database, clock: FakeClock, payer: Payer) -> dict[str, Any]:
    """Everything a workspace can look at by the ids of a channel, a person, a thread or a delivery."""
    workspace, channel = payer.workspace, payer.channel
    runs, questions, threads = RunStore(database, clock), Questions(database, clock), Threads(database, clock)
    balances, reports = Balances(database, clock, POLICY), Reports(database, clock, POLICY)
    thread = Thread(workspace, channel, THREAD)
    month = await reports.month(payer, MONTH)
    books = await reports.workspace_summary(workspace)
    balance = await balances.balance(payer)
    return {
        "live": await runs.unfinished(workspace, channel),
        "recent": await runs.recent(workspace, payer.user),
        "asked": await questions.pending_in(workspace=workspace, channel=channel, thread_ts=THREAD),
        "opener": await threads.opener(thread),
        "active": await threads.active_run(thread),
        "delivered": await threads.run_of_delivery(workspace, "k1"),
        "stored": await Inbox(database, clock).find("k1", workspace=workspace),
        "settings": await ChannelSettings(database, clock).find(workspace=workspace, channel=channel),
        "granted": balance.granted_nusd,
        "settled": balance.settled_nusd,
        "held": await balances.held_by_runs(payer),
        "months": await balances.months(payer),
        "spent": list(month.spent),
        "dearest": list(month.dearest),
        "books": [line for line in books.payers if line.settled_nusd],
        "uncertain": await reports.uncertain(workspace),
        "audit": await reports.audit(workspace, channel),
        "calls": await reports.calls(workspace, MONTH),
        "alarms": await reports.needs_attention(workspace, since_us=START_US),
        "expected": await History(database).mean_cost_nusd(workspace, "draft"),
    }


async def test_the_other_workspace_sees_nothing(database: Database, clock: FakeClock, mine: RunRow) -> None:
    here, there = await seen(database, clock, HERE), await seen(database, clock, THERE)
    assert [name for name, found in there.items() if found] == []
    blank = {name for name, found in here.items() if not found}
    # Nothing is held, frozen or known well enough; all the rest shows at home, so the looks do look.
    assert blank == {"held", "alarms", "expected"}
    assert "secret" not in json.dumps(there, default=str)
    assert mine.workspace == "T1"


async def test_the_same_delivery_and_thread_there_are_a_run_of_their_own(
    database: Database, clock: FakeClock, mine: RunRow
) -> None:
    other = await accept(RunStore(database, clock), THERE)
    assert other.id != mine.id
    assert await Threads(database, clock).active_run(Thread("T2", "C1", THREAD)) == other.id
    assert await database.read(lambda: RunStore.reading_exchanges(other, most=5)) == []


@pytest.mark.usefixtures("mine")
async def test_money_there_neither_helps_nor_harms(database: Database, clock: FakeClock) -> None:
    budgets, balances = Budgets(database, clock, POLICY), Balances(database, clock, POLICY)
    before = await balances.balances(HERE)
    await budgets.set_limit(THERE, 0, actor="U8")
    await budgets.pause("T2", actor="U8", reason="over")
    await budgets.grant(THERE, USD, actor="U8", reason="", key="trigger:1")
    assert await balances.balances(HERE) == before
    (doubtful,) = await Reports(database, clock, POLICY).uncertain("T1")
    with pytest.raises(UserError):
        await budgets.release_uncertain("T2", doubtful["id"], actor="U8", reason="not mine")
    assert len(await Reports(database, clock, POLICY).uncertain("T1")) == 1


async def test_chores_name_the_workspace_they_are_about(database: Database, clock: FakeClock, mine: RunRow) -> None:
    spent = await Chores(database, clock).latest_months()
    assert [(month.workspace, month.channel) for month in spent] == [(mine.workspace, "C1")]
    assert replace(HERE, workspace="T2") == THERE

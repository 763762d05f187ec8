"""A person stops a run while its question is being shown: whatever edit comes last, its messages show the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from bot.runs import delivery
from bot.runs.delivery import ResultDelivery
from bot.runs.lease import LEASE_S, Lease
from bot.runs.outcome import RunOutcome
from patterns.core.events import PatternResult, StopReason
from storage.database.database import Database
from storage.outbox import Outbox
from storage.questions import StoredQuestion
from storage.run_rows import RunRow
from storage.runs import RunStore
from tests.contract.test_runs_store import REQUEST
from tests.support.ledgers import FakeClock

OUTCOME = RunOutcome(result=PatternResult(output="", stop_reason=StopReason.CANCELLED))


@dataclass
class Thread:
    """A presenter whose only message shows the edit that came last."""

    outbox: Outbox
    store: RunStore
    shows: str = "working"
    edits: list[str] = field(default_factory=list)

    async def ask(self, run: RunRow, _asked: Sequence[StoredQuestion]) -> None:
        """Show that it waits, after somebody else has ended the run and shown that."""
        await self.store.unpark(run.id)
        mine = await self.store.claim(run.id, owner="B", lease_s=LEASE_S)
        assert mine is not None
        await self.store.finish(
            mine,
            stop_reason="cancelled",
            result_json=OUTCOME.model_dump_json(),
            cost_nusd=0,
            executed_ms=1,
            intents=[],
        )
        await self.finish(mine, OUTCOME)
        await self.store.release(mine.fence, executed_ms=1)
        self._edit("waiting")

    async def finish(self, run: RunRow, _outcome: RunOutcome, _rendered: object = None) -> None:
        """Show the end, unless the outbox knows that it is shown."""
        if (await self.outbox.last_shown(run.id, "root"))[1] != "ended":
            self._edit("ended")
            await self.outbox.mark_shown(run.id, "root", "ended")

    def release(self, _run: RunRow) -> None:
        """Nothing is kept of it."""

    def _edit(self, shows: str) -> None:
        self.shows = shows
        self.edits.append(shows)


async def unanswered(_run_id: str) -> list[Any]:
    return [SimpleNamespace(decision=None)]


async def test_the_end_is_shown_last(
    database: Database, store: RunStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LOOK_S", 0)
    run_id, _ = await store.accept(replace(REQUEST, thread_ts="", delivery_key="one"))
    run = await store.claim(run_id, owner="A", lease_s=LEASE_S)
    assert run is not None
    outbox = Outbox(database, clock)
    await outbox.add_intent(run_id, "root", "C1")
    await outbox.mark_posted(run_id, "root", "1.1")
    await database.write(lambda: store.parking(run.fence, executed_ms=1))
    thread = Thread(outbox, store)
    engine: Any = SimpleNamespace(store=store, clock=clock, questions=SimpleNamespace(of_run=unanswered))
    nobody: Any = SimpleNamespace()
    told = ResultDelivery(engine, thread, nobody, Lease(store, clock), "A", nobody)  # type: ignore[arg-type]
    await told.ask_parked(run)
    assert thread.edits == ["ended", "waiting", "ended"]
    assert thread.shows == "ended"

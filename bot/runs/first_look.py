"""What a run begins with, read in one trip: its texts, and, before it has a plan, its money and its history."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.runs.context import HISTORY_RUNS
from bot.runs.material import EARLIER_RUNS
from patterns.core.ports import Clock
from storage.database.database import Database
from storage.execution.texts import RunTexts, read_texts
from storage.history import History
from storage.ledger.balances import Balance, Balances
from storage.run_rows import RunRow
from storage.runs import RunStore
from storage.threads import Threads


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The texts of a run; of one without a plan also the balances, and what the flow it asked for usually costs."""

    texts: RunTexts
    balances: Sequence[Balance] | None = None
    usual_nusd: Mapping[str, int | None] = field(default_factory=dict)


async def look(
    db: Database, store: RunStore, clock: Clock, balances: Balances, run: RunRow, *, is_planned: bool
) -> FirstLook:
    """Read what the run begins with. What is asked for in the same moment shares a snapshot."""
    texts = read_texts(db, store, Threads(db, clock), run, exchanges=HISTORY_RUNS, attachments=EARLIER_RUNS)
    if is_planned:
        return FirstLook(await texts)
    flow = run.options.get("flow")
    if not flow:
        return FirstLook(*await asyncio.gather(texts, balances.balances(run.payer)))
    mean_nusd = History(db).mean_cost_nusd(run.workspace, flow)
    given, seen, usual_nusd = await asyncio.gather(texts, balances.balances(run.payer), mean_nusd)
    return FirstLook(given, seen, {flow: usual_nusd})

"""What a run begins with, read in one trip: its texts, and, before it has a plan, its money and its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.runs.context import HISTORY_RUNS
from bot.runs.material import EARLIER_RUNS
from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work
from storage.execution.texts import RunTexts, reading_texts
from storage.history import reading_mean_cost
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
    threads = Threads(db, clock)

    def texts() -> Work[RunTexts]:
        return reading_texts(store, threads, run, exchanges=HISTORY_RUNS, attachments=EARLIER_RUNS)

    def money() -> Work[list[Balance]]:
        return balances.reading(run.payer)

    if is_planned:
        return FirstLook(await db.read(texts))
    flow = run.options.get("flow")
    if not flow:
        return FirstLook(*await db.read_side_by_side(texts, money))
    given, seen, usual_nusd = await db.read_side_by_side(texts, money, lambda: reading_mean_cost(run.workspace, flow))
    return FirstLook(given, seen, {flow: usual_nusd})

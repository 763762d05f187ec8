"""The three promises as figures, over everything the database holds: what is held, untold, unhandled and asked."""

from dataclasses import dataclass, field

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Work, load

q = load("promises")


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of something wait, and how many seconds the oldest has waited; 0 when none does."""

    count: int
    oldest_s: int


@dataclass(frozen=True, slots=True)
class Money:
    """What is settled and held in one month, of all workspaces."""

    settled_nusd: int
    held_nusd: int


@dataclass(frozen=True, slots=True)
class Promises:
    """The figures. `unsettled` holds belong to a run that no process owns: the sweep settles them within a minute."""

    held: int
    held_nusd: int
    unsettled: int
    uncertain: int
    uncertain_nusd: int
    untold: Waiting
    unhandled: Waiting
    asked: Waiting
    months: dict[str, Money] = field(default_factory=dict)


async def read_promises(db: Database, clock: Clock, *, since: str) -> Promises:
    """Return the figures now; the money from the month `since` ("2026-11") on."""
    now_us = clock.now_us()

    def waiting(row: Row, count: str) -> Waiting:
        oldest_us = now_us if row["oldest_us"] is None else int(row["oldest_us"])
        return Waiting(int(row[count]), max(0, now_us - oldest_us) // 1_000_000)

    def work() -> Work[Promises]:
        [calls] = yield q.open_calls(now_us=now_us)
        [unsure] = yield q.uncertain_calls()
        [untold] = yield q.untold_endings()
        [unhandled] = yield q.unhandled_deliveries()
        [asked] = yield q.open_questions()
        months = yield q.money_by_period(since=since)
        return Promises(
            held=int(calls["held"]),
            held_nusd=int(calls["held_nusd"]),
            unsettled=int(calls["unsettled"]),
            uncertain=int(unsure["calls"]),
            uncertain_nusd=int(unsure["nusd"]),
            untold=waiting(untold, "runs"),
            unhandled=waiting(unhandled, "deliveries"),
            asked=waiting(asked, "questions"),
            months={row["period"]: Money(int(row["settled_nusd"]), int(row["held_nusd"])) for row in months},
        )

    return await db.read(work)

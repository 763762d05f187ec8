"""Small words for tests of the ledger: a clock to turn, a run to own, holds to ask for."""

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from patterns.core.holds import Charged, Fence, Hold, HoldRequest, Payer, ReserveRequest
from patterns.core.limits import Cap
from storage.database.database import Database
from storage.database.statements import Query, Row, load, single
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.ledger.book import Policy
from storage.personal_data import PersonalData
from storage.run_rows import NewRun
from storage.runs import RunStore
from storage.stored_files import StoredFiles
from tests.fakes.memory import MemoryContents

USD = 1_000_000_000
CENT = USD // 100
START_US = 1_795_000_000_000_000  # 2026-11-18
POLICY = Policy(workspace_nusd=100 * USD, channel_nusd=1 * USD, dm_user_nusd=1 * USD)
PAYER = Payer("T1", "C1", "channel", "U1")

_runs = load("runs")

_INSERT_RUN = Query(
    "insert_run",
    """INSERT INTO run (id, workspace, channel, channel_kind, user_id, kind, status, epoch, created_us, delivery_key)
    VALUES (:id, :workspace, :channel, :channel_kind, :user_id, 'slack', 'running', :epoch, :now_us, :id)""",
)
NEW_RUN = NewRun(
    workspace="T1",
    channel="C1",
    channel_kind="channel",
    thread_ts="",
    user="U1",
    kind="slack",
    request="Why?",
    flow="",
    options={},
    roster_hash="h",
    roster_json="{}",
    delivery_key="",
)
"""A request in a channel; tests replace what they are about."""


LEASE_S = 30.0


async def claimed(sessions: RunSessions, run_id: str, owner: str = "A") -> RunSession:
    """Return the session of a run that `owner` has just claimed."""
    session = await sessions.claim(run_id, owner=owner, lease_s=LEASE_S)
    assert session is not None
    return session


@dataclass
class FakeClock:
    """Time stands until a test moves it."""

    us: int = START_US

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1_000_000

    async def sleep(self, seconds: float) -> None:
        self.us += int(seconds * 1_000_000)


@dataclass
class Asking:
    """Makes requests of one run with fresh ids."""

    run_id: str = "R1"
    payer: Payer = PAYER
    caps: tuple[Cap, ...] = ()
    epoch: int = 1
    _serial: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def fence(self) -> Fence:
        return Fence(self.run_id, self.epoch)

    def hold(self, nusd: int, **changes: Any) -> HoldRequest:
        number = next(self._serial)
        request = HoldRequest(
            call_id=f"{self.run_id}-{self.epoch}-{number}",
            fence=self.fence,
            payer=self.payer,
            caps=self.caps,
            path=f"step/{number}",
            attempt=1,
            agent="writer",
            model="small",
            flow="ask",
            price_version="1/1",
            amount_nusd=nusd,
        )
        return replace(request, **changes) if changes else request

    def reserve(self, nusd: int, **changes: Any) -> ReserveRequest:
        number = next(self._serial)
        request = ReserveRequest(
            call_id=f"{self.run_id}-{self.epoch}-r{number}",
            fence=self.fence,
            payer=self.payer,
            caps=self.caps,
            path=f"part/{number}",
            flow="ask",
            amount_nusd=nusd,
        )
        return replace(request, **changes)


def settled(nusd: int) -> Charged:
    return Charged("settled", nusd)


async def open_run(database: Database, asking: Asking) -> None:
    """A run row that the asking one owns."""
    payer = asking.payer
    await database.write(
        lambda: single(
            _INSERT_RUN(
                id=asking.run_id,
                workspace=payer.workspace,
                channel=payer.channel,
                channel_kind=payer.channel_kind,
                user_id=payer.user,
                epoch=asking.epoch,
                now_us=START_US,
            )
        )
    )


async def rows(database: Database, sql: str, **params: Any) -> list[Row]:
    """What the database holds, past the code under test."""
    return await database.read(lambda: single(Query("look", sql)(**params)))


async def execute(database: Database, sql: str, **params: Any) -> list[Row]:
    return await database.write(lambda: single(Query("do", sql)(**params)))


async def account(database: Database, id_: str) -> tuple[int, int]:
    """Settled and reserved of an account."""
    (row,) = await rows(database, "SELECT settled_nusd, reserved_nusd FROM account WHERE id = :id", id=id_)
    return row["settled_nusd"], row["reserved_nusd"]


def call_id(hold: Hold) -> str:
    return hold.call_id


async def park(store: RunStore, fence: Fence, *, executed_ms: int) -> None:
    """Park a run in a transaction of its own."""
    await store._db.write(lambda: store.parking(fence, executed_ms=executed_ms))


async def set_flow(database: Database, fence: Fence, *, flow: str, worst_nusd: int) -> None:
    """Store a run's flow in a transaction of its own."""
    chosen = {"flow": flow, "worst_nusd": worst_nusd}
    await database.write(lambda: single(_runs.set_flow(id=fence.run_id, epoch=fence.epoch, **chosen)))


def personal_data(database: Database, clock: FakeClock) -> PersonalData:
    """What is stored about people, with files in memory."""
    return PersonalData(database, clock, StoredFiles(database, clock, MemoryContents()))

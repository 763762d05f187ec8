"""The ledger against a model of the truth: any order, duplicates, crashes between any two statements, new months."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg.rows import args_row, dict_row

from patterns.core.errors import BudgetExceededError, RunLostError
from patterns.core.holds import Charged, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.limits import Cap
from storage.database import sqlite
from storage.database.migrate import MIGRATIONS
from storage.database.statements import Query, Statement, Work, all_of, load
from storage.ledger import admission
from storage.ledger.book import Call, LedgerTransaction, Policy
from storage.ledger.transaction import (
    Operation,
    Release,
    Reserve,
    Settle,
    load_accounts,
    load_calls,
    q,
    run_batch,
    save,
)
from tests.support.ledgers import START_US, Asking

T = TypeVar("T")
LIMIT = 100
POLICY = Policy(workspace_nusd=150, channel_nusd=LIMIT, dm_user_nusd=LIMIT)
MONTH_US = 31 * 86_400 * 1_000_000
SCHEMA = "".join(path.read_text("utf-8") for path in sorted((MIGRATIONS / "sqlite").glob("*.sql")))


class CrashError(Exception):
    """The process died here."""


class Driver(ABC):
    """Runs scripts on an empty database, and dies before a chosen statement, or before or after the commit."""

    @abstractmethod
    def execute(self, statement: Statement) -> list[Any]:
        """The rows of one statement."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is this driver's own."""

    def run(self, script: Work[T], *, statements: int | None = None, lose_answer: bool = False) -> T:
        self.do("BEGIN")
        try:
            answer = self._drive(script, statements)
        except BaseException:
            self.do("ROLLBACK")
            raise
        self.do("COMMIT")
        if lose_answer:
            raise CrashError
        return answer

    def _drive(self, script: Work[T], statements: int | None) -> T:
        done = 0
        try:
            asked = next(script)
            while True:
                answers = []
                for statement in all_of(asked):
                    if done == statements:
                        script.close()
                        raise CrashError
                    done += 1
                    answers.append(self.execute(statement))
                asked = script.send(answers if isinstance(asked, tuple) else answers[0])
        except StopIteration as end:
            answer: T = end.value
            return answer

    def do(self, sql: str, **params: object) -> list[Any]:
        return self.execute(Query("test", sql)(**params))


class SqliteDriver(Driver):
    """A database in memory, a new one each time."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.executescript(SCHEMA)

    def execute(self, statement: Statement) -> list[Any]:
        return sqlite.execute(self.connection, statement)

    def close(self) -> None:
        self.connection.close()


class PostgresqlDriver(Driver):
    """One database for all examples, emptied for each past the guards that keep money."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection
        # Nothing of this database has to survive a power cut.
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET session_replication_role = replica")
        names = [row["tablename"] for row in self.do("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for name in sorted({*names} - {"schema"}):
            self.do(f'DELETE FROM "{name}"')  # noqa: S608 - the names of our own tables
        connection.execute("SET session_replication_role = origin")

    def close(self) -> None:
        """The connection is the test's."""

    def execute(self, statement: Statement) -> list[Any]:
        query, params = statement.query, statement.params
        rows: Any = args_row(statement.make) if statement.make else dict_row
        with self.connection.cursor(row_factory=rows) as cursor:
            if isinstance(params, Sequence):
                if params:
                    cursor.executemany(query.each["postgresql"].encode(), params)
                return []
            cursor.execute(query.postgresql.encode(), query.bind(params, "postgresql"))
            return cursor.fetchall() if cursor.description else []


@dataclass
class Truth:
    """A call as the model knows it."""

    request: HoldRequest | ReserveRequest
    accounts: tuple[str, ...]
    held: int
    state: str
    paid: int = 0
    drawn: int = 0


amounts = st.integers(0, 60)
crashes = st.none() | st.integers(0, 14)


class LedgerMachine(RuleBasedStateMachine):
    """Does to the ledger what people, crashes and months do, and compares it with the truth."""

    def new_driver(self) -> Driver:
        return SqliteDriver()

    def teardown(self) -> None:
        self.driver.close()

    @initialize()
    def begin(self) -> None:
        self.driver = self.new_driver()
        self.now_us = START_US
        self.month = ""
        self.limit = LIMIT
        self.granted: dict[str, int] = {}
        self.runs = [Asking(name, caps=(Cap("run", name, 70),)) for name in ("R1", "R2")]
        self.truth: dict[str, Truth] = {}
        for run in self.runs:
            self.driver.do(
                "INSERT INTO run (id, workspace, channel, channel_kind, user_id, kind, status, epoch, created_us,"
                " delivery_key) VALUES (:id, 'T1', 'C1', 'channel', 'U1', 'slack', 'running', 1, 0, :id)",
                id=run.run_id,
            )

    @rule(which=st.lists(st.tuples(st.integers(0, 1), amounts, st.booleans()), min_size=1, max_size=4), crash=crashes)
    def hold_several(self, which: list[tuple[int, int, bool]], crash: int | None) -> None:
        envelopes = [id_ for id_, call in self.truth.items() if call.state == "reserved"]
        requests = []
        for index, amount, draw in which:
            run = self.runs[index]
            own = [id_ for id_ in envelopes if self.truth[id_].request.fence == run.fence]
            requests.append(run.hold(amount, envelope=own[0] if draw and own else None))
        self._perform(requests, crash)

    @rule(index=st.integers(0, 1), parts=st.lists(amounts, min_size=1, max_size=3), crash=crashes)
    def reserve(self, index: int, parts: list[int], crash: int | None) -> None:
        run = self.runs[index]
        self._perform([Reserve(tuple(run.reserve(amount) for amount in parts))], crash)

    @rule(data=st.data(), share=st.integers(0, 100), crash=crashes, twice=st.booleans())
    def settle(self, data: st.DataObject, share: int, crash: int | None, *, twice: bool) -> None:
        holds = [id_ for id_, call in self.truth.items() if call.state not in {"reserved", "gone"}]
        if not holds:
            return
        id_ = data.draw(st.sampled_from(holds))
        state = data.draw(st.sampled_from(["settled", "settled", "uncertain", "released"]))
        call = self.truth[id_]
        charged = Charged(state, call.held * share // 100 if state == "settled" else 0)
        self._perform([Settle(self._hold(id_), charged, call.request.fence, None)] * (2 if twice else 1), crash)

    @rule(data=st.data(), crash=crashes)
    def release(self, data: st.DataObject, crash: int | None) -> None:
        if self.truth:
            ids = data.draw(st.lists(st.sampled_from(sorted(self.truth)), max_size=3))
            self._perform([Release(tuple(ids))], crash)

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        if self.truth:
            call = self.truth[data.draw(st.sampled_from(sorted(self.truth)))]
            if isinstance(call.request, HoldRequest):
                self._perform([call.request], None)

    @rule(index=st.integers(0, 1), crash=crashes)
    def owner_dies(self, index: int, crash: int | None) -> None:
        run = self.runs[index]
        run.epoch += 1
        self.driver.do("UPDATE run SET epoch = :epoch WHERE id = :id", epoch=run.epoch, id=run.run_id)

        def recover() -> Work[None]:
            book = self._book()
            yield from load_calls(book, q.lock_abandoned_of_run, run_id=run.run_id, epoch=run.epoch)
            yield from load_accounts(book, {})
            for call in book.calls.values():
                admission.close_abandoned(book, call)
            yield from save(book)

        self._survive(recover, crash)
        for call in self.truth.values():
            if call.request.fence.run_id == run.run_id and call.state in {"reserved", "open"}:
                call.state, call.paid = ("released", 0) if call.state == "reserved" else ("uncertain", call.held)

    @rule(months=st.integers(-1, 1))
    def time_passes(self, months: int) -> None:
        self.now_us += months * MONTH_US

    @rule(limit=st.integers(0, 150))
    def change_the_limit(self, limit: int) -> None:
        self.limit = limit
        self.driver.do(
            "INSERT INTO channel (workspace, id, kind, limit_nusd) VALUES ('T1', 'C1', 'channel', :limit)"
            " ON CONFLICT (workspace, id) DO UPDATE SET limit_nusd = :limit",
            limit=limit,
        )

    @rule(amount=st.integers(1, 50))
    def grant(self, amount: int) -> None:
        id_ = f"T1/channel/C1/{self.month}"
        if self.driver.do(
            "UPDATE account SET granted_nusd = granted_nusd + :amount WHERE id = :id RETURNING id",
            amount=amount,
            id=id_,
        ):
            self.granted[id_] = self.granted.get(id_, 0) + amount

    @invariant()
    def sums_are_those_of_the_model(self) -> None:
        if not hasattr(self, "driver"):
            return
        for row in self.driver.do("SELECT * FROM account"):
            counted = [call for call in self.truth.values() if row["id"] in call.accounts]
            assert row["settled_nusd"] == sum(call.paid for call in counted)
            assert row["reserved_nusd"] == sum(call.held for call in counted if call.state in {"reserved", "open"})
        assert self.driver.execute(load("verify").account_differences()) == []
        paid = sum(call.paid for call in self.truth.values())
        for table in ("spend", "spend_time"):
            (found,) = self.driver.do(f"SELECT COALESCE(SUM(settled_nusd), 0) AS paid FROM {table}")  # noqa: S608 - ours
            assert int(found["paid"]) == paid

    def _book(self) -> LedgerTransaction:
        return LedgerTransaction(POLICY, self.now_us)

    def _survive(self, make: Callable[[], Work[T]], crash: int | None) -> T:
        """Run the script, dying once on the way (at a statement, or with the answer lost), then run it again."""
        if crash is not None:
            try:
                self.driver.run(make(), statements=crash, lose_answer=True)
            except CrashError:
                return self.driver.run(make())
        return self.driver.run(make())

    def _perform(self, operations: Sequence[Operation], crash: int | None) -> None:
        answers = self._survive(lambda: run_batch(self._book(), operations), crash)
        months = self.driver.do("SELECT period FROM channel WHERE id = 'C1'")
        month = months[0]["period"] if months else ""
        assert month >= self.month
        self.month = month
        for operation, answer in zip(operations, answers, strict=True):
            self._believe(operation, answer)
        if self.driver.do("UPDATE channel SET frozen = 0 WHERE frozen = 1 RETURNING id"):
            # An admin has looked: a late bill took the channel past a limit that was lowered meanwhile.
            assert any(isinstance(one, Settle) for one in operations)

    def _believe(self, operation: Operation, answer: object) -> None:
        match operation:
            case HoldRequest():
                self._believe_hold(operation, answer)
            case Reserve():
                needed = sum(request.amount_nusd for request in operation.requests)
                assert isinstance(answer, list) == self._fits(operation.requests[0], needed, None)
                for request in operation.requests if isinstance(answer, list) else ():
                    self.truth[request.call_id] = Truth(
                        request, self._accounts(request), request.amount_nusd, "reserved"
                    )
            case Settle():
                self._believe_settled(operation, answer)
            case Release():
                for id_ in operation.call_ids:
                    if self.truth[id_].state in {"reserved", "open"}:
                        self.truth[id_].state = "released"

    def _believe_hold(self, request: HoldRequest, answer: object) -> None:
        known = self.truth.get(request.call_id)
        if known:
            assert isinstance(answer, Hold if known.state == "open" else RunLostError)
            return
        envelope = self.truth.get(request.envelope or "")
        admitted = self._fits(request, request.amount_nusd, envelope)
        assert isinstance(answer, Hold if admitted else BudgetExceededError)
        if isinstance(answer, Hold):
            drawn = min(envelope.held, request.amount_nusd) if envelope else 0
            assert answer.drawn_nusd in (0, drawn), "after a lost answer nobody knows what was drawn"
            if envelope:
                envelope.held -= drawn
            accounts = self._accounts(request)
            self.truth[request.call_id] = Truth(request, accounts, request.amount_nusd, "open", drawn=answer.drawn_nusd)

    def _believe_settled(self, operation: Settle, answer: object) -> None:
        call = self.truth[operation.hold.call_id]
        charged, sent = operation.charged, isinstance(call.request, HoldRequest)
        was_open = call.state == "open"
        if (
            was_open
            or (call.state == "uncertain" and charged.state != "uncertain")
            or (call.state == "released" and sent and charged.state == "settled" and charged.actual_nusd)
        ):
            call.paid = {"settled": charged.actual_nusd, "uncertain": call.held, "released": 0}[charged.state]
            call.state = charged.state
        envelope = self.truth.get(operation.hold.envelope or "")
        if was_open and envelope and envelope.state == "reserved" and envelope.accounts == call.accounts:
            envelope.held += max(0, min(call.drawn, call.held - call.paid))
        assert isinstance(answer, tuple)
        assert answer[0] == Settlement(call.paid, 0)

    def _hold(self, id_: str) -> Hold:
        call = self.truth[id_]
        envelope = call.request.envelope if isinstance(call.request, HoldRequest) else None
        return Hold(id_, call.held, envelope, call.drawn)

    def _accounts(self, request: HoldRequest | ReserveRequest) -> tuple[str, ...]:
        run = request.fence.run_id
        month = self.month
        return f"T1/workspace/T1/{month}", f"T1/channel/C1/{month}", f"T1/user/C1:U1/{month}", f"T1/run/{run}/"

    def _fits(self, request: HoldRequest | ReserveRequest, amount: int, envelope: Truth | None) -> bool:
        """The rule, said once more and differently: after this hold, no account is above its limit."""
        limits = (POLICY.workspace_nusd, self.limit, None, 70)
        for id_, limit in zip(self._accounts(request), limits, strict=True):
            counted = [call for call in self.truth.values() if id_ in call.accounts]
            used = sum(call.paid + (call.held if call.state in {"reserved", "open"} else 0) for call in counted)
            drawn = min(envelope.held, amount) if envelope and id_ in envelope.accounts else 0
            more = amount - drawn
            if limit is not None and more > 0 and used + more > limit + self.granted.get(id_, 0):
                return False
        return True


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_the_same_holds_on_postgresql(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:

        class OnPostgresql(LedgerMachine):
            def new_driver(self) -> Driver:
                return PostgresqlDriver(connection)

        fewer = settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        )
        run_state_machine_as_test(OnPostgresql, settings=fewer)


def test_a_crash_really_drops_the_transaction() -> None:
    """The driver of this file must be able to lose work, or its crashes prove nothing."""
    driver = SqliteDriver()

    def script() -> Work[None]:
        yield Query("one", "INSERT INTO chore (key, at_us, by) VALUES ('a', 1, 'x')")()
        yield Query("two", "INSERT INTO chore (key, at_us, by) VALUES ('b', 1, 'x')")()

    outcomes = []
    for statements in (0, 1, 2):
        try:
            driver.run(script(), statements=statements)
        except CrashError:
            outcomes.append(len(driver.do("SELECT * FROM chore")))
        else:
            outcomes.append(len(driver.do("SELECT * FROM chore")))
    driver.close()
    assert outcomes == [0, 0, 2]


def test_rows_have_the_columns_of_their_table() -> None:
    driver = SqliteDriver()
    columns = [row["name"] for row in driver.do("PRAGMA table_info(call)")]
    driver.close()
    assert list(Call.__slots__) == columns

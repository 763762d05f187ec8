"""Every fault of a provider, in three shapes, under each pattern: an end in time, the right reason, the true price.

The patterns and shapes of a row run side by side on one ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from patterns.core.events import PatternResult, StopReason
from patterns.core.reasons import Reason
from storage.database.connect import connect
from storage.ledger.ledger import SqlLedger
from storage.ledger.verify import verify
from tests.fakes.provider import Call, Reply
from tests.integration.test_model_faults import MODELS
from tests.support.ledgers import POLICY
from tests.support.provider_faults import PATTERNS, ROWS, STREAMS, TEXT, Case, Hurried, Row, Scene, good


@pytest.fixture
async def scene(sqlite_url: str) -> AsyncIterator[Scene]:
    database, clock = await connect(sqlite_url), Hurried()
    scene = Scene(database, SqlLedger(database, clock, POLICY), clock)
    yield scene
    await scene.ledger.close()
    proof = await verify(database)
    await database.close()
    assert (proof.ok, proof.held_nusd, proof.stale) == (True, 0, 0)


async def each(check: Callable[[Case], Awaitable[None]], patterns: Sequence[str] = PATTERNS) -> None:
    """The check for every pattern and shape, side by side; a failure says for which."""

    async def one(case: Case) -> None:
        try:
            await check(case)
        except AssertionError as error:
            error.add_note(str(case))
            raise

    async with asyncio.TaskGroup() as group:
        for pattern in patterns:
            for shape in MODELS:
                group.create_task(one(Case(pattern, shape)))


def told(result: PatternResult) -> str:
    """Everything the reader is told beside the text."""
    return " ".join([*result.notes, *(f"{voice.name}: {voice.reason}" for voice in result.missing)])


def ended(result: PatternResult) -> tuple[str, StopReason]:
    return result.output, result.stop_reason


each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
each_failure = pytest.mark.parametrize("row", [row for row in ROWS if row.reason], ids=lambda row: row.name)
each_passing = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.reason and row.again], ids=lambda row: row.name
)
each_stream = pytest.mark.parametrize("row", STREAMS, ids=lambda row: row.name)


@each_row
async def test_when_every_call_fails_so_does_the_run(scene: Scene, row: Row) -> None:
    async def check(case: Case) -> None:
        result = await scene.run(case, lambda call: row.spoil(good(call)), patience_s=row.patience_s)
        assert ended(result) == (("", StopReason.FAILED) if row.reason else (TEXT, StopReason.COMPLETED))
        assert not row.reason or Reason(row.reason).clause() in told(result)

    await each(check)


@each_failure
async def test_when_the_last_step_fails_what_there_is_comes_with_a_label(scene: Scene, row: Row) -> None:
    async def check(case: Case) -> None:
        asked: list[Call] = []

        def script(call: Call) -> Reply:
            asked.append(call)
            return row.spoil(good(call)) if case.ends_with(call, len(asked)) else good(call)

        result = await scene.run(case, script, patience_s=row.patience_s)
        before = 2 if case.pattern == "broadcast" else 1
        assert len(asked) == before + (2 if row.again else 1)
        kept = {"router": "", "broadcast": f"**a**\n{TEXT}\n\n**b**\n{TEXT}"}.get(case.pattern, TEXT)
        assert ended(result) == (kept, StopReason.PARTIAL if kept else StopReason.FAILED)
        assert Reason(row.reason).clause() in told(result)

    await each(check)


@each_passing
async def test_a_fault_that_passes_is_not_noticed(scene: Scene, row: Row) -> None:
    async def check(case: Case) -> None:
        spoilt: list[Call] = []

        def script(call: Call) -> Reply:
            if spoilt:
                return good(call)
            spoilt.append(call)
            return row.spoil(good(call))

        assert ended(await scene.run(case, script, patience_s=row.patience_s)) == (TEXT, StopReason.COMPLETED)

    await each(check)


@each_stream
async def test_a_stream_that_breaks_keeps_what_was_shown(scene: Scene, row: Row) -> None:
    async def check(case: Case) -> None:
        asked: list[Call] = []

        def script(call: Call) -> Reply:
            asked.append(call)
            return row.spoil(good(call)) if case.ends_with(call, len(asked)) else good(call)

        result = await scene.run(case, script, patience_s=row.patience_s, stream=True)
        assert asked[-1].stream
        if not row.reason:
            assert ended(result) == (TEXT, StopReason.COMPLETED)
            return
        assert Reason(row.reason).clause() in told(result)
        if row.shows:
            assert (result.output[:5], result.stop_reason) == (TEXT[:5], StopReason.PARTIAL)
            assert "broke off" in told(result)
        else:
            assert result.stop_reason is (StopReason.FAILED if case.pattern == "router" else StopReason.PARTIAL)

    await each(check, patterns=("router", "pipeline", "broadcast"))


async def test_silence_ends_with_the_time_of_the_run(scene: Scene) -> None:
    async def check(case: Case) -> None:
        result = await scene.run(case, lambda call: replace(good(call), fault="hang"), run_s=1.5)
        assert ended(result) == ("", StopReason.TIMEOUT)

    await each(check)

"""Processes stopped or killed around a call that acts: it is made once or not, and nobody is told otherwise."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import SystemClock
from patterns.core.questions import Decision
from storage.database.database import Database
from storage.ledger.verify import verify
from storage.questions import Questions
from storage.runs import RunStore
from tests.contract.test_needs_code import REQUEST
from tests.support.ledgers import rows
from tests.support.shells import PROJECT

CALL = "a/turn/1/call/1"
STOPPED_S = 10


@pytest.fixture
async def run_id(database: Database) -> str:
    return (await RunStore(database, SystemClock()).accept(REQUEST))[0]


@asynccontextmanager
async def owner(url: str, run_id: str, file: Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.tool_process", url, run_id, str(file),
        cwd=PROJECT, env={"PATH": os.environ["PATH"]}, stdout=PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def says(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


def done(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


async def test_left_alone_it_acts_once(database: Database, database_url: str, run_id: str, tmp_path: Path) -> None:
    async with owner(database_url, run_id, tmp_path / "acts") as process:
        assert [await says(process) for _ in range(3)] == ["held", "sent", "done Done."]
    assert done(tmp_path / "acts") == ["tea"]
    assert (await verify(database)).ok


async def test_stopped_between_hold_and_send_for_ten_seconds_it_sends_nothing(
    database: Database, database_url: str, run_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "acts"
    async with owner(database_url, run_id, file) as first:
        assert await says(first) == "held"
        first.send_signal(signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        async with owner(database_url, run_id, file) as second:
            assert await says(second) == f"asks {CALL}/outcome"
            first.send_signal(signal.SIGCONT)
            assert await says(first) == "lost"
    assert done(file) == []
    assert (await verify(database)).ok


async def test_killed_between_hold_and_send_it_is_asked_about_and_done_once_when_it_was_not(
    database: Database, database_url: str, run_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "acts"
    async with owner(database_url, run_id, file) as first:
        assert await says(first) == "held"
        first.kill()
    assert await claimed_when_free(database_url, run_id, file) == f"asks {CALL}/outcome"
    await Questions(database, SystemClock()).decide(run_id, f"{CALL}/outcome", Decision(verdict="again", user="U2"))
    assert await claimed_when_free(database_url, run_id, file) == "done Done."
    assert done(file) == ["tea"]
    states = await rows(database, "SELECT state FROM call WHERE path = :path ORDER BY opened_us", path=CALL)
    assert [row["state"] for row in states] == ["uncertain", "settled"]
    assert (await verify(database)).ok


async def test_killed_between_send_and_settle_it_is_asked_about_and_not_done_again(
    database: Database, database_url: str, run_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "acts"
    async with owner(database_url, run_id, file) as first:
        assert [await says(first), await says(first)] == ["held", "sent"]
        first.kill()
    assert await claimed_when_free(database_url, run_id, file) == f"asks {CALL}/outcome"
    await Questions(database, SystemClock()).decide(run_id, f"{CALL}/outcome", Decision(verdict="done", user="U2"))
    assert await claimed_when_free(database_url, run_id, file) == "done Done."
    assert done(file) == ["tea"]
    assert (await verify(database)).ok


async def claimed_when_free(url: str, run_id: str, file: Path) -> str:
    """What the next owner says at last, once the lease of the one before is over."""
    while True:
        async with owner(url, run_id, file) as process:
            said = "held"
            while said in ("held", "sent"):
                said = await says(process)
        if said != "not claimed":
            return said

"""Machines with different clocks agree on the database's, so that none takes a living worker's run for a dead one's."""

import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot import clock
from bot.clock import SystemClock
from bot.runs import distributed
from bot.runs.bootstrap import open_engine
from bot.runs.lease import LEASE_S
from bot.settings import read_settings
from storage.database.queue_schema import install_queue
from storage.database.statements import Query
from tests.contract.test_dispatch import Work, accept, dispatcher, engine_on
from tests.support.ledgers import execute, rows
from tests.support.running_bot import bot_environment

HOUR_US = 3_600_000_000
SECOND_US = 1_000_000


def now_us() -> int:
    return time.time_ns() // 1000


async def test_a_machine_whose_clock_is_an_hour_ahead_takes_no_run_from_a_living_owner(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install_queue(postgresql_url)
    async with engine_on(postgresql_url, tmp_path) as right:
        async with dispatcher(right, Work()).opened():
            (run_id,) = await accept(right.store, "C1")
        real_ns = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + HOUR_US * 1000)
        async with engine_on(postgresql_url, tmp_path) as wrong:
            monkeypatch.setattr(time, "time_ns", real_ns)
            assert await right.store.claim(run_id, owner="right", lease_s=LEASE_S) is not None
            monkeypatch.setattr(time, "time_ns", lambda: real_ns() + HOUR_US * 1000)
            assert await wrong.store.claim(run_id, owner="wrong", lease_s=LEASE_S) is None
            assert wrong.clock.now_us() < real_ns() // 1000 + SECOND_US


async def test_a_clock_that_is_set_while_the_process_runs_changes_nothing(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_on(postgresql_url, tmp_path) as engine:
        real_ns = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + HOUR_US * 1000)
        assert abs(engine.clock.now_us() - real_ns() // 1000) < SECOND_US


async def test_a_machine_with_a_wrong_clock_queues_the_jobs_of_the_dead_for_now(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=1)

    await install_queue(postgresql_url)
    async with engine_on(postgresql_url, tmp_path) as engine:
        dead, alive = Work(), Work()
        alive.go_on.set()
        worker = dispatcher(engine, dead)
        async with worker.opened():
            (run_id,) = await accept(engine.store, "C1")
            # The job of a worker that is no more.
            await execute(engine.db, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES ('2026-01-01')")
            await execute(
                engine.db,
                "UPDATE procrastinate_jobs SET status = 'doing',"
                " worker_id = (SELECT MAX(id) FROM procrastinate_workers)",
            )
            monkeypatch.setattr(distributed, "datetime", Ahead)
            await worker._sweep()
            (job,) = await rows(
                engine.db, "SELECT status, scheduled_at <= clock_timestamp() AS is_due FROM procrastinate_jobs"
            )
            assert job == {"status": "todo", "is_due": True}, run_id


async def test_a_look_that_took_long_does_not_move_the_clock(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_on(postgresql_url, tmp_path) as engine:
        follower = SystemClock()
        monkeypatch.setattr(clock, "SLOW_US", -1)
        await follower.synchronize(engine.db)  # better than nothing
        assert abs(follower.now_us() - now_us()) < SECOND_US
        monkeypatch.setattr(clock, "q", SimpleNamespace(now=Query("now", "SELECT CAST(7 AS BIGINT) AS now_us")))
        await follower.synchronize(engine.db)
        assert abs(follower.now_us() - now_us()) < SECOND_US


async def test_a_file_has_no_clock_of_its_own(tmp_path: Path) -> None:
    env = bot_environment(api_url="http://127.0.0.1:9/", provider_url="http://127.0.0.1:9/v1", folder=tmp_path)
    async with open_engine(read_settings(env), None) as engine:
        before_us = now_us()
        assert before_us <= engine.clock.now_us() <= now_us()

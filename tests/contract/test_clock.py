"""Machines with different clocks agree on the database's, so that none takes a living worker's run for a dead one's."""

import time
from pathlib import Path

import pytest

from bot.bootstrap import open_engine
from bot.lease import LEASE_S
from bot.settings import read_settings
from storage.queue_schema import install_queue
from tests.contract.test_dispatch import Work, accept, dispatcher, engine_on
from tests.house import bot_environment

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


async def test_a_file_has_no_clock_of_its_own(tmp_path: Path) -> None:
    env = bot_environment(api_url="http://127.0.0.1:9/", provider_url="http://127.0.0.1:9/v1", folder=tmp_path)
    async with open_engine(read_settings(env), None) as engine:
        before_us = now_us()
        assert before_us <= engine.clock.now_us() <= now_us()

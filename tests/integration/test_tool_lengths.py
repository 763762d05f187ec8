"""Servers that answer at any length: what is too long is not held in memory, and the call ends with a plain reason."""

import asyncio
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from patterns.core.tools import ToolError
from tests.fakes import loud_server
from tests.fakes.loud_server import LoudHttp
from tests.integration.test_tool_servers import call, connected

TOO_LONG = r"Its answer is longer than 4,000,000 bytes, and was not read\."
PEAK_BYTES_MAX = 25_000_000
LOUD = {"mcp": {"command": [sys.executable, loud_server.__file__]}, "allow": ["shout", "say", "hint"]}


@contextmanager
def bounded_memory() -> Iterator[None]:
    """What is done in it never holds much at once, in this process."""
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < PEAK_BYTES_MAX


async def warm(box: Any) -> None:
    """Import what is imported late, and connect, before memory is looked at."""
    assert (await call(box, "loud.say")).text == "said"


@pytest.mark.parametrize("id_last", [False, True])
@pytest.mark.parametrize("megabytes", [10, 100])
async def test_a_line_that_is_too_long_ends_its_call_and_the_server_goes_on(
    tmp_path: Path, megabytes: int, *, id_last: bool
) -> None:
    async with connected(tmp_path, {"loud": LOUD}) as (box, own):
        await warm(box)
        with bounded_memory():
            shouting = asyncio.create_task(call(box, "loud.shout", megabytes=megabytes, id_last=id_last))
            beside = [asyncio.create_task(call(box, "loud.say")) for _ in range(3)]
            with pytest.raises(ToolError, match=TOO_LONG) as refused:
                await shouting
            assert [(await one).text for one in beside] == ["said"] * 3
        assert refused.value.was_sent is True
        assert own.health == {}


async def test_a_notice_that_is_too_long_is_read_past(tmp_path: Path) -> None:
    async with connected(tmp_path, {"loud": LOUD}) as (box, _):
        await warm(box)
        with bounded_memory():
            assert (await call(box, "loud.hint", megabytes=10)).text == "said"


async def test_a_long_answer_that_fits_comes_whole(tmp_path: Path) -> None:
    async with connected(tmp_path, {"loud": LOUD}) as (box, _):
        assert (await call(box, "loud.shout", megabytes=3)).bytes_read == 3_000_000


@pytest.mark.parametrize("megabytes", [10, 100])
@pytest.mark.parametrize("how", ["json", "events"])
async def test_a_reply_over_http_that_is_too_long_is_not_read(tmp_path: Path, how: str, megabytes: int) -> None:
    async with LoudHttp(how) as loud:
        entry = {"mcp": {"url": loud.url}, "allow": ["shout", "say"]}
        async with connected(tmp_path, {"loud": entry}) as (box, own):
            await warm(box)
            with bounded_memory(), pytest.raises(ToolError, match=TOO_LONG) as refused:
                await call(box, "loud.shout", megabytes=megabytes)
            assert refused.value.was_sent is True
            assert (await call(box, "loud.say")).text == "said"
            assert own.health == {}


async def test_a_reply_that_is_compressed_without_being_asked_for_is_not_unpacked(tmp_path: Path) -> None:
    async with LoudHttp("json") as loud:
        entry = {"mcp": {"url": loud.url}, "allow": ["shout", "say"]}
        async with connected(tmp_path, {"loud": entry}) as (box, _):
            await warm(box)
            loud.how = "compressed"
            with pytest.raises(ToolError, match="Its answer is compressed"):
                await call(box, "loud.shout", megabytes=1)

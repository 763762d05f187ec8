"""Real tool servers, over standard input and over HTTP: listed, called, stopped, killed, and started again."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from patterns.core.tools import ToolError, ToolOutput
from patterns.roster.tool_schema import ToolServer
from patterns.tools.mcp.servers import ServerTools, ToolServers
from tests.fakes.tool_server import HttpToolServer

FUNCTIONS = '''
"""Functions for the tests."""
import os, sys, time
from pathlib import Path

def env(name: str = "") -> str:
    """Say what the environment holds."""
    print("this goes to standard error")
    return ",".join(sorted(os.environ)) + "|" + os.environ.get(name, "")

def slow(seconds: float, mark: str) -> str:
    """Sleep, and leave a mark when done."""
    time.sleep(seconds)
    Path(mark).write_text("done")
    return "late"

def boom() -> str:
    """Fail."""
    raise ValueError("no such shelf")

def die() -> str:
    """End the process."""
    os._exit(3)

def large() -> str:
    """Return much."""
    return "x" * 1_000_000
'''
TIME = {"mcp": {"command": ["mcp-server-time"]}, "allow": ["get_current_time", "convert_time"]}
MINE = {"python": "mine.py:env,slow,boom,die,large"}


@asynccontextmanager
async def connected(
    folder: Path, servers: Mapping[str, Any], **env: str
) -> AsyncIterator[tuple[ServerTools, ToolServers]]:
    (folder / "mine.py").write_text(FUNCTIONS, "utf-8")
    own = ToolServers({"PATH": os.environ["PATH"], **env}, folder)
    try:
        yield own.toolbox({name: ToolServer.model_validate(entry) for name, entry in servers.items()}), own
    finally:
        await own.close()


async def call(box: ServerTools, tool: str, timeout_s: float = 20, **arguments: object) -> ToolOutput:
    await box.listed(tool.partition(".")[0])
    return await box.call(tool, arguments, key="k1", timeout_s=timeout_s)


async def test_a_server_of_others_is_listed_and_called(tmp_path: Path) -> None:
    async with connected(tmp_path, {"time": TIME}) as (box, _):
        (schema,) = await box.schemas(["time.get_current_time"])
        answer = await call(box, "time.get_current_time", timezone="UTC")
    assert schema.parameters["required"] == ["timezone"]
    assert '"timezone": "UTC"' in answer.text
    assert answer.bytes_read == len(answer.text)


async def test_a_function_of_ones_own_gets_no_variable_of_ours_but_the_path(tmp_path: Path) -> None:
    async with connected(tmp_path, {"mine": MINE}, OPENAI_API_KEY="sk-secret") as (box, _):
        answer = await call(box, "mine.env", name="OPENAI_API_KEY")
    names, _, value = answer.text.partition("|")
    assert value == ""
    assert set(names.split(",")) <= {"LC_CTYPE", "PATH", "PYTHONPATH"}


async def test_a_command_gets_the_variables_that_are_named_for_it(tmp_path: Path) -> None:
    tell = ["sh", "-c", 'echo "got $TICKETS_TOKEN and ${OTHER:-nothing} in ${HOME:-nowhere}" > told; exit 3']
    entry = {"mcp": {"command": tell, "env": ["TICKETS_TOKEN"]}, "allow": ["a"]}
    async with connected(tmp_path, {"teller": entry}, TICKETS_TOKEN="t1", OTHER="o1") as (box, _):
        with pytest.raises(ToolError, match="teller cannot be reached"):
            await box.schemas(["teller.a"])
    assert (tmp_path / "told").read_text() == "got t1 and nothing in nowhere\n"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"mcp": {"command": ["no-such-command"]}, "allow": ["a"]}, "the command no-such-command is not there"),
        ({"mcp": {"command": ["true"]}, "allow": ["a"]}, "it ended or closed the connection"),
        ({"mcp": {"command": ["true"], "env": ["NOT_SET"]}, "allow": ["a"]}, "NOT_SET is not set in the environment"),
        ({"mcp": {"url": "http://127.0.0.1:9/mcp", "bearer_env": "NOT_SET"}, "allow": ["a"]}, "NOT_SET is not set"),
        ({"mcp": {"url": "http://127.0.0.1:9/mcp"}, "allow": ["a"]}, "All connection attempts failed"),
    ],
)
async def test_a_server_that_cannot_be_reached_says_why_and_is_not_tried_at_once(
    tmp_path: Path, entry: dict[str, Any], why: str
) -> None:
    async with connected(tmp_path, {"gone": entry}) as (box, own):
        with pytest.raises(ToolError, match=why) as first:
            await box.schemas(["gone.a"])
        with pytest.raises(ToolError, match=r"does not answer .* it is tried again in 1 s"):
            await call(box, "gone.a")
        assert why in own.health["gone"]
    assert first.value.was_sent is False


async def test_an_error_of_a_tool_is_an_answer(tmp_path: Path) -> None:
    async with connected(tmp_path, {"mine": MINE}) as (box, own):
        answer = await call(box, "mine.boom")
        refused = await call(box, "mine.nothing")
        assert own.health == {}
    assert (answer.is_error, "ValueError: no such shelf" in answer.text) == (True, True)
    assert refused.is_error


async def test_a_call_that_takes_too_long_may_have_been_done(tmp_path: Path) -> None:
    async with connected(tmp_path, {"mine": MINE}) as (box, _):
        await box.schemas(["mine.slow"])
        with pytest.raises(ToolError, match=r"did not answer within 0\.2 seconds") as late:
            await call(box, "mine.slow", timeout_s=0.2, seconds=0.5, mark=str(tmp_path / "mark"))
    assert late.value.was_sent is True


async def test_a_stopped_call_ends_within_two_seconds(tmp_path: Path) -> None:
    async with connected(tmp_path, {"mine": MINE}) as (box, _):
        await box.schemas(["mine.slow"])
        work = asyncio.create_task(call(box, "mine.slow", seconds=60, mark=str(tmp_path / "mark")))
        await asyncio.sleep(0.2)
        begun_s = time.monotonic()
        work.cancel()
        await asyncio.wait({work})
        assert work.cancelled()
        assert time.monotonic() - begun_s < 2


async def test_a_server_that_dies_in_a_call_is_started_again(tmp_path: Path) -> None:
    async with connected(tmp_path, {"mine": MINE}) as (box, own):
        with pytest.raises(ToolError, match="broke off before it answered") as died:
            await call(box, "mine.die")
        assert died.value.was_sent is True
        assert own.health == {"mine": "it ended or closed the connection"}
        await asyncio.sleep(1.1)
        assert (await call(box, "mine.env")).text
        assert own.health == {}


async def test_a_call_waits_for_no_connection(tmp_path: Path) -> None:
    """What acts is sent soon after it was held, or not: whoever starts a server first lists what it has."""
    async with connected(tmp_path, {"mine": MINE}) as (box, _):
        with pytest.raises(ToolError, match="mine is not connected now") as refused:
            await box.call("mine.env", {}, key="k1", timeout_s=20)
    assert refused.value.was_sent is False


async def test_a_large_answer_comes_whole(tmp_path: Path) -> None:
    async with connected(tmp_path, {"mine": MINE}) as (box, _):
        assert (await call(box, "mine.large")).bytes_read == 1_000_000


async def test_two_rosters_that_say_the_same_share_a_server(tmp_path: Path) -> None:
    async with connected(tmp_path, {"mine": MINE}) as (box, own):
        await box.schemas(["mine.env"])
        other = own.toolbox({"mine": ToolServer.model_validate({**MINE, "timeout_s": 5})})
        assert other.connections["mine"] is box.connections["mine"]


# ---------------------------------------------------------------- over HTTP


async def test_an_address_is_listed_and_called_with_its_secret(tmp_path: Path) -> None:
    async with HttpToolServer(token="t1") as desk:
        entry = {"mcp": {"url": desk.url, "bearer_env": "DESK_TOKEN"}, "allow": ["look"]}
        async with connected(tmp_path, {"desk": entry}, DESK_TOKEN="t1") as (box, _):
            (schema,) = await box.schemas(["desk.look"])
            answer = await call(box, "desk.look", what="tea")
    assert (schema.description, answer.text) == ("Look something up.", "tea is here: https://desk.example/tea")
    assert (desk.did, desk.refused) == (["look tea"], 0)


async def test_an_address_that_refuses_us_is_told_without_the_secret(tmp_path: Path) -> None:
    async with HttpToolServer(token="t1") as desk:
        entry = {"mcp": {"url": desk.url, "bearer_env": "DESK_TOKEN"}, "allow": ["look"]}
        async with connected(tmp_path, {"desk": entry}, DESK_TOKEN="wrong-secret") as (box, own):
            with pytest.raises(ToolError, match="desk cannot be reached") as refused:
                await box.schemas(["desk.look"])
            assert "wrong-secret" not in str(refused.value)
            assert own.health["desk"]


async def test_an_address_that_goes_away_is_told_and_comes_back(tmp_path: Path) -> None:
    async with HttpToolServer() as desk:
        entry = {"mcp": {"url": desk.url}, "allow": ["look"]}
        async with connected(tmp_path, {"desk": entry}) as (box, _):
            assert (await call(box, "desk.look", what="tea")).text
            await desk.__aexit__(None, None, None)
            with pytest.raises(ToolError):
                await call(box, "desk.look", what="milk", timeout_s=3)
    assert desk.did == ["look tea"]

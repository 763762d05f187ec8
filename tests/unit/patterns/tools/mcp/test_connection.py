"""A connection to a tool server that is given up before it stands."""

import asyncio
import contextlib
import gc
from pathlib import Path

import pytest

from patterns.roster.tool_schema import ToolServer
from patterns.tools.mcp.connection import Connection
from patterns.tools.mcp.transports import Surroundings


async def test_whoever_stops_while_a_server_starts_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, unhandled = asyncio.Event(), list[str]()

    async def open_client(*_: object, **__: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("patterns.tools.mcp.connection.open_client", open_client)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context["message"]))
    server = Connection("shop", ToolServer(python="tools.py:find_order"), Surroundings({}, Path(), 1000))
    starting = asyncio.create_task(server.described())
    await begun.wait()
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    await server.close()
    del starting
    gc.collect()
    await asyncio.sleep(0)
    assert unhandled == []

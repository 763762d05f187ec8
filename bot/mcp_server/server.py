"""The protocol: six tools over a desk. Imports `mcp`, so it is imported late."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from bot import __version__
from bot.commands.dry_run import read_dry_run
from bot.mcp_server.desk import Balance, Desk, Estimate, Flow, Request, Status
from patterns.core.errors import AgentsError, UserError

NAME = "agents-for-slack"
WAIT_MAX_S = 300.0
LOOK_S = 0.5
INSTRUCTIONS = (
    "Flows of language-model agents of a team, paid from its monthly budget. `ask` accepts a request and returns its"
    " run_id; `run_status` says how far it is. A request may wait for a person, who decides elsewhere. Answers are"
    " written by models: check them."
)
T = TypeVar("T")
DeskOf = Callable[[Context], Desk]
"""Returns whose desk a call is for; raises UserError where it is nobody's."""
_READS = ToolAnnotations(read_only_hint=True)
_Request = Annotated[
    str, Field(description="What the agents should do, as one would ask a colleague.", max_length=50_000)
]
_Flow = Annotated[str, Field(description="One of `flows`; without it a router chooses.", max_length=200)]
_Agents = Annotated[list[str] | None, Field(description="Only these agents of the flow.", max_length=20)]
_RunId = Annotated[str, Field(description="What `ask` returned.", max_length=100)]


def build_server(desk_of: DeskOf) -> MCPServer:
    """Return the server; each call asks `desk_of` whose it is."""
    server: MCPServer = MCPServer(NAME, instructions=INSTRUCTIONS, version=__version__)
    _add_lookups(server, desk_of)
    _add_requests(server, desk_of)
    return server


def _add_lookups(server: MCPServer, desk_of: DeskOf) -> None:
    @server.tool(annotations=_READS)
    async def flows(ctx: Context) -> list[Flow]:
        """List the flows that can be asked for, with what each usually costs and the most it can cost."""
        return await _told(desk_of(ctx).flows())

    @server.tool(annotations=_READS)
    async def estimate(ctx: Context, request: _Request, flow: _Flow = "", agents: _Agents = None) -> Estimate:
        """Say what a request would cost. Nothing is stored, held or sent."""
        asked = _read(Request(request, "", flow, tuple(agents or ())))
        return await _told(desk_of(ctx).estimate(asked))

    @server.tool(annotations=_READS)
    async def balance(ctx: Context) -> Balance:
        """Say what is left of the month that pays for requests."""
        return await _told(desk_of(ctx).balance())

    @server.tool(annotations=_READS)
    async def run_status(
        ctx: Context,
        run_id: _RunId,
        wait_s: Annotated[float, Field(description="Wait so long for its end.", ge=0, le=WAIT_MAX_S)] = 0,
    ) -> Status:
        """Say how far a request is, with the answer, its cost and its sources once it is over."""
        desk = desk_of(ctx)
        return await _until_over(ctx, desk, await _told(desk.status(run_id)), wait_s)


def _add_requests(server: MCPServer, desk_of: DeskOf) -> None:
    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True))
    async def ask(  # noqa: PLR0913, PLR0917 - the tool's arguments
        ctx: Context,
        request: _Request,
        flow: _Flow = "",
        agents: _Agents = None,
        at_most_usd: Annotated[float | None, Field(description="Refuse it if it can cost more.", ge=0)] = None,
        request_id: Annotated[
            str, Field(description="An id of yours: the same id again is the same request.", max_length=100)
        ] = "",
        wait_s: Annotated[
            float, Field(description="Wait so long for the answer, with progress.", ge=0, le=WAIT_MAX_S)
        ] = 0,
        dry_run: Annotated[  # noqa: FBT002 - a client names its arguments
            bool, Field(description="Call no tool that acts; the status lists what would be called.")
        ] = False,
    ) -> Status:
        """Have agents work on a request, paid from the budget. Returns its run_id at once, or after `wait_s`."""
        desk = desk_of(ctx)
        key = request_id or secrets.token_hex(12)
        asked = _read(Request(request, key, flow, tuple(agents or ()), at_most_usd, dry=dry_run))
        return await _until_over(ctx, desk, await _told(desk.ask(asked)), wait_s)

    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True))
    async def stop(ctx: Context, run_id: _RunId) -> Status:
        """Stop a request. What is finished is kept and paid; nothing more is."""
        return await _told(desk_of(ctx).stop(run_id))


def _read(request: Request) -> Request:
    """Return a request with `dry run:` read from its text, for clients pass on what a person typed."""
    try:
        text, is_dry = read_dry_run(request.text, dry=request.dry)
    except UserError as error:
        raise ToolError(str(error)) from None
    return replace(request, text=text, dry=is_dry)


async def _until_over(ctx: Context, desk: Desk, status: Status, wait_s: float) -> Status:
    """Return the status once the request is over, asks somebody, or the time is up; tell progress meanwhile."""
    end_s = asyncio.get_running_loop().time() + wait_s
    told = -1
    while not status.is_over and status.state != "asking" and asyncio.get_running_loop().time() < end_s:
        if status.steps_done != told:
            told = status.steps_done
            await ctx.report_progress(told, None, f"{status.state}, {told} step{'s' * (told != 1)} done")
        await asyncio.sleep(LOOK_S)
        status = await _told(desk.status(status.run_id))
    return status


async def _told(work: Awaitable[T]) -> T:
    """Return what a desk says; its sentences are for the client."""
    try:
        return await work
    except AgentsError as error:
        raise ToolError(str(error)) from None

"""The doctor's look at the tool servers: a line each, with what does not answer and what is not there."""

from collections.abc import AsyncIterator

from bot.cli.findings import Finding, fail, ok
from bot.runs.configuration import read_roster
from bot.settings import Settings
from patterns.core.errors import RosterError
from patterns.core.tools import ToolError
from patterns.roster.suggestions import nearest
from patterns.roster.tool_schema import ToolServer
from patterns.tools.mcp.servers import ServerTools, ToolServers
from patterns.tools.toolbox import schema_bytes


async def tool_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what is found about each tool server: it is started, asked what it has, and ended."""
    try:
        roster = read_roster(settings, None)
    except RosterError:
        return  # told with the models
    servers = ToolServers(settings.env, settings.roster_path.parent)
    try:
        box = servers.toolbox(roster.servers)
        for name, entry in roster.servers.items():
            if entry.mcp or entry.python:  # searches are told with models and scopes
                yield await _finding(name, entry, box)
    finally:
        await servers.close()


async def _finding(name: str, entry: ToolServer, box: ServerTools) -> Finding:
    subject = f"tools {name}"
    try:
        described = await box.listed(name)
    except ToolError as error:
        return fail(subject, f"{error} Its agents work without it; check its command, address and variables.")
    missing = [tool for tool in entry.names if tool not in described]
    if missing:
        near = nearest(missing[0], described)
        meant = f"Did you mean {near}?" if near else f"It has {', '.join(sorted(described))}."
        return fail(subject, f"it has no tool {missing[0]}. {meant}")
    long = [tool for tool in entry.names if schema_bytes(*described[tool]) > entry.schema_bytes_max]
    if long:
        most = max(schema_bytes(*described[tool]) for tool in long)
        return fail(subject, f"{', '.join(long)} needs {most} bytes; schema_bytes_max is {entry.schema_bytes_max}.")
    off = len(described) - len(entry.names)
    return ok(subject, f"answers: {len(entry.names)} on{f', {off} off' if off else ''}.")

"""What `agents tools list` and `agents tools call` do: reach the servers, and make one call like a run does."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from bot.cli.shell import accept, opened, owner, payer_for
from bot.cli.terminal import print_line
from bot.cli.tool_questions import goes_to
from bot.logs import configure_logs
from bot.messages.mrkdwn import clean
from bot.runs.by_hand import TOOL, by_hand, ending_of_call
from bot.runs.engine import Engine
from bot.runs.engine_parts import NullEventSink
from bot.runs.orphaned_shell_runs import finish
from bot.settings import environment
from patterns.agent import AgentRunner
from patterns.core.errors import AgentsError, RunLostError, UserError
from patterns.core.events import PatternResult, StopReason
from patterns.core.holds import Fence, Payer
from patterns.core.money import format_usd
from patterns.core.step_record import StepRecord
from patterns.core.tools import AskedCall, ToolError, ToolRules
from patterns.roster.reading import read_roster_file
from patterns.roster.suggestions import nearest
from patterns.roster.tool_schema import ToolSpec
from patterns.services import Services, open_services
from patterns.tools.approvals import asked
from patterns.tools.by_hand import call_by_hand, prepare
from patterns.tools.judging import Judged
from patterns.tools.mcp.servers import ServerTools, ToolServers

CALL_S = 400.0
"""The lease of the run around one call: longer than any call may take."""
DESCRIPTION_CHARS = 100
OFFERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """The command line of `agents tools call`. `roster` is the deployment's when it is None."""

    tool: str
    arguments: str
    roster: Path | None = None
    channel: str = "terminal"
    yes: bool = False


# ---------------------------------------------------------------- list


async def list_tools(path: Path) -> int:
    """Print the tools of a roster, server by server; return 1 when one does not answer."""
    configure_logs("error")
    env = environment()
    roster = read_roster_file(path, env=env)
    servers = ToolServers(env, path.parent)
    try:
        box = servers.toolbox(roster.servers)
        by_server: dict[str, list[ToolSpec]] = {}
        for spec in roster.tools.values():
            by_server.setdefault(spec.server, []).append(spec)
        answers = [await _print_server(name, specs, box) for name, specs in by_server.items()]
    finally:
        await servers.close()
    return 0 if all(answers) else 1


async def _print_server(name: str, specs: list[ToolSpec], box: ServerTools) -> bool:
    if specs[0].is_built_in:
        click.echo(f"{click.style(name, bold=True)}: built in, on everywhere")
        for spec in specs:
            click.echo(f"  {spec.name}")
        return True
    if specs[0].search or specs[0].workspace_results:
        return _print_search(name, specs[0])
    try:
        described = await box.listed(name)
    except ToolError as error:
        click.echo(f"{click.style(name, bold=True)}: {click.style(str(error), fg='red')}")
        described = {}
    else:
        click.echo(f"{click.style(name, bold=True)}: answers")
    is_complete = bool(described)
    for spec in specs:
        about = described.get(spec.tool, ("", {}))[0]
        click.echo(f"  {spec.name}: {', '.join(_traits(spec))}. {_short(about)}".rstrip())
        if described and spec.tool not in described:
            is_complete = False
            near = nearest(spec.tool, described)
            meant = f"did you mean {name}.{near}?" if near else f"it has {', '.join(described)}"
            click.echo(click.style(f"    its server has no such tool; {meant}", fg="red"))
    if described:
        await _print_offers(box, name)
    off = [f"{name}.{tool}" for tool in sorted(set(described) - {spec.tool for spec in specs})]
    if off:
        click.echo(click.style(f"  off, because the roster does not name them: {', '.join(off)}", dim=True))
    return is_complete


async def _print_offers(box: ServerTools, name: str) -> None:
    """Print what a server has besides tools: resources that can be attached, and prompts, which nobody runs."""
    try:
        offers = await box.offers(name)
    except ToolError as error:
        click.echo(click.style(f"  its resources cannot be listed: {error}", fg="red"))
        return
    addresses = [uri for uri, _ in (*offers.resources, *offers.templates)]
    if addresses:
        click.echo(f"  resources, attached with --with: {_some(addresses)}")
    if offers.prompts:
        click.echo(f"  prompts, which are never run: {_some(offers.prompts)}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(_short(name) for name in names[:OFFERS_SHOWN])
    return f"{shown}, and {len(names) - OFFERS_SHOWN:,} more" if len(names) > OFFERS_SHOWN else shown


def _print_search(name: str, spec: ToolSpec) -> bool:
    """Print a search, which no server of ours makes."""
    where, most = "Slack for whoever asks there; not in a shell", f"{spec.workspace_results} results"
    if spec.search:
        where, most = "the web at the provider of each agent's model", f"{spec.search.searches_max} in a call"
    click.echo(f"{click.style(name, bold=True)}: searches {where}")
    click.echo(f"  {spec.name}: {', '.join(_traits(spec))}. At most {most}.")
    return True


def _traits(spec: ToolSpec) -> list[str]:
    asks = {"asker": "who asked", "other": "somebody else", "owner": "the owner", "named": ", ".join(spec.approvers)}
    reach = AskedCall(agent="", tool=spec.name, arguments="", reach=spec.reach)
    return [
        "reads" if spec.read_only else "acts",
        *(["may be repeated"] if spec.retry_safe and not spec.read_only else []),
        f"asks {asks[spec.approve_by]}" if spec.asks else "asks nobody",
        goes_to(reach),
        *(["private"] if spec.private else []),
        *([format_usd(spec.price_nusd)] if spec.price_nusd else []),
    ]


def _short(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= DESCRIPTION_CHARS else f"{line[:DESCRIPTION_CHARS]}…"


# ---------------------------------------------------------------- call


async def call_tool(trial: Trial) -> int:
    """Make one call and print its result; return 1 when it was not made, or failed. What is refused is no run.

    Raises:
        UserError: there is no such tool, or the arguments do not fit.
    """
    async with opened(starts_model=False, roster=trial.roster) as engine:
        spec = _spec(engine.roster.tools, trial.tool)
        if spec.search:
            raise UserError(f"{spec.name} is part of a call of a model. Ask an agent that has it, with `agents try`.")
        payer = await payer_for(engine, trial.channel)
        call = await _prepared(_services(engine, payer, Fence("tools call", 0)), trial, spec)
        if call is None:
            print_line("Not called.")
            return 1
        record = await _made(engine, payer, call, spec)
    click.echo(clean(record.text))
    cost = format_usd(record.cost_nusd) if record.cost_nusd else "free"
    print_line(click.style(f"{record.data.get('bytes', 0):,} bytes · {record.elapsed_ms} ms · {cost}", dim=True))
    return 1 if record.data.get("is_error") else 0


async def _prepared(services: Services, trial: Trial, spec: ToolSpec) -> Judged | None:
    """Return the call as it will be made; None when somebody who was asked did not want it."""
    try:
        call = await prepare(services, spec.name, trial.arguments)
    except ToolError as error:
        raise AgentsError(str(error)) from error
    if call.problem:
        raise UserError(call.problem.removeprefix("Not called: "))
    if not spec.read_only and not trial.yes:
        if not sys.stdin.isatty():
            raise UserError(f"{spec.name} acts, and nobody can be asked here. Add --yes to call it.")
        shown = asked(services.payer.user, call).arguments
        if not click.confirm(f"{spec.name} acts with {clean(shown)}\nCall it?", err=True):
            return None
    return call


async def _made(engine: Engine, payer: Payer, call: Judged, spec: ToolSpec) -> StepRecord:
    """Make a call as a run of its own."""
    run_id = await accept(engine, payer, f"{spec.name} {asked(payer.user, call).arguments}", by_hand(TOOL))
    run = await engine.store.claim(run_id, owner=owner(), lease_s=CALL_S)
    if run is None:
        raise RunLostError
    ending = PatternResult(output="", stop_reason=StopReason.CANCELLED)
    try:
        record = await call_by_hand(_services(engine, payer, run.fence), call, by=payer.user)
        ending = ending_of_call(record)
        return record
    finally:
        await finish(engine, run, ending)


def _spec(tools: Mapping[str, ToolSpec], name: str) -> ToolSpec:
    if name in tools:
        return tools[name]
    near = nearest(name, tools)
    instead = f"Did you mean {near}?" if near else f"The tools are {', '.join(tools)}."
    raise UserError(f"There is no tool {name!r}. {instead}")


def _services(engine: Engine, payer: Payer, fence: Fence) -> Services:
    services = open_services(
        runner=AgentRunner(engine.client),
        ledger=engine.ledger,
        journal=engine.journal,
        decisions=engine.questions,
        events=NullEventSink(),
        clock=engine.clock,
        roster=engine.roster,
        payer=payer,
        fence=fence,
    )
    toolbox = engine.tools.servers.toolbox(engine.roster.servers)
    return replace(services, toolbox=toolbox, tool_rules=ToolRules(enabled=None), flow="tools")

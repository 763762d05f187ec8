"""A flow as a small diagram of lines, with the limits of each agent in it: how agents work together, at a glance."""

from collections.abc import Iterator, Sequence

from patterns.core.limits import FailurePolicy, RunLimits
from patterns.core.money import format_usd
from patterns.roster.roster import Roster
from patterns.roster.schema import BroadcastNode, Node, SupervisorNode

NAME_MAX = 40
Branch = tuple[str, Node | None]
"""What stands on a branch, and the part below it."""


def flow_diagram(roster: Roster, node: Node, *, title: str = "") -> tuple[str, ...]:
    """Return the lines of a diagram for a monospaced font, such as `├─ writer   gpt-5, 900 tokens, 60 s`."""
    head = _head(roster, node)
    lines = [f"{title}: {head}" if title else head, *_below(roster, node)]
    return tuple(_aligned(lines))


def limits_line(limits: RunLimits) -> str:
    """Return what every run may take at most, in one line."""
    most = (
        f"A run may take {format_usd(limits.run_nusd)}, {limits.run_s:g} s, {limits.steps} steps and "
        f"{limits.concurrency} calls at once"
    )
    if limits.confirm_above_nusd >= limits.run_nusd:
        return f"{most}."
    return f"{most}; above {format_usd(limits.confirm_above_nusd)} it asks first."


def _head(roster: Roster, node: Node) -> str:
    if node.pipeline:
        return "one after the other"
    if node.broadcast:
        return _fan(node.broadcast)
    if node.supervisor:
        return f"written and reviewed, up to {_times(node.supervisor.rounds, 'round')}"
    if node.router:
        return "one of these, chosen by the Router" if len(node.router.agents) > 1 else "one agent"
    return _agent(roster, node.agent or "")


def _fan(fan: BroadcastNode) -> str:
    policy, voices = fan.on_failure, len(fan.agents)
    return f"side by side{_needed(policy, voices)}"


def _needed(policy: FailurePolicy, voices: int) -> str:
    if policy.mode == "fail_fast":
        return ", all of them must answer"
    return f", {policy.quorum} of {voices} must answer" if policy.mode == "quorum" else ""


def _below(roster: Roster, node: Node) -> Iterator[str]:
    branches = list(_branches(roster, node))
    for at, (text, part) in enumerate(branches):
        is_last = at == len(branches) - 1
        yield f"{'└─' if is_last else '├─'} {text}"
        if part is not None:
            yield from (f"{'   ' if is_last else '│  '}{line}" for line in _below(roster, part))


def _branches(roster: Roster, node: Node) -> Iterator[Branch]:
    for number, stage in enumerate(node.pipeline or (), start=1):
        share = f", {stage.share * 100:.0f} % of the money" if stage.share is not None else ""
        yield f"{number}. {_head(roster, stage)}{share}", stage
    if node.broadcast:
        yield from ((_head(roster, voice), voice) for voice in node.broadcast.agents)
        if node.broadcast.collect == "synthesis" and node.broadcast.synthesizer:
            yield f"then {_agent(roster, node.broadcast.synthesizer)}", None
        else:
            yield "then all of it, listed", None
    if node.supervisor:
        yield from _supervised(roster, node.supervisor)
    if node.router:
        yield from ((_agent(roster, name), None) for name in node.router.agents)


def _supervised(roster: Roster, team: SupervisorNode) -> Iterator[Branch]:
    yield f"writes: {_head(roster, team.worker)}", team.worker
    yield f"reviews: {_agent(roster, team.reviewer)}", None
    if team.human != "none":
        does = "approves the end" if team.human == "approve" else "may comment on each round"
        yield f"a person {does}, within {_long(team.deadline_s)}", None


def _agent(roster: Roster, name: str) -> str:
    """Return an agent with its limits; the tab is where the column of limits begins."""
    spec = roster.agents.get(name)
    if spec is None:
        return name[:NAME_MAX]
    model = roster.models[spec.model].model.rpartition("/")[2]
    tools = f", tools: {', '.join(spec.tools)}" if spec.tools else ""
    return f"{name[:NAME_MAX]}\t{model}, {spec.max_output_tokens:,} tokens, {spec.timeout_s:g} s{tools}"


def _aligned(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines with their second column under each other."""
    width = max((len(line.partition("\t")[0]) for line in lines if "\t" in line), default=0)
    for line in lines:
        first, tab, rest = line.partition("\t")
        yield f"{first.ljust(width)}   {rest}" if tab else first


def _times(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


def _long(seconds: int) -> str:
    """Return a deadline in the largest unit that divides it, such as `3 days`."""
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % unit == 0:
            return _times(seconds // unit, name)
    return _times(seconds, "second")

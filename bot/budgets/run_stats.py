"""What a month's runs say of patterns, flows, agents, models and tools: cost, time, how even they are, and ratings.

Pure, over the stories of the runs. Every figure is a sum, a mean or a percentile of what was stored.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bot.messages.month_report import NO_FLOW
from bot.messages.stats_views import KINDS, Kind, RunStats, Spread, StatsRow
from bot.runs.by_hand import is_by_hand
from bot.runs.replayed_money import TOOL
from bot.runs.run_setup import ModelNames
from bot.runs.told_price import PRICE_PATH, estimate_in
from patterns.core.events import StopReason
from patterns.roster.consistency import ROUTER
from patterns.roster.schema import PATTERNS
from storage.run_story import RunStory, StoryStep

_CUT_SHORT = frozenset(
    {StopReason.PARTIAL, StopReason.BUDGET, StopReason.LIMIT, StopReason.TIMEOUT, StopReason.REJECTED}
)


@dataclass
class _Sums:
    """What is gathered for one row."""

    runs: set[str] = field(default_factory=set)
    dry: set[str] = field(default_factory=set)
    endings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    costs: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    tool_calls: int = 0
    helped: int = 0
    did_not: int = 0
    estimated: int = 0
    estimated_cost: int = 0
    bound: int = 0
    held: int = 0
    routing: int = 0
    review: int = 0


def run_stats(stories: Sequence[RunStory], *, period: str, left_out: int = 0) -> RunStats:
    """Return the statistics of runs that are over; a model has the name that its provider gives it, where kept."""
    found: dict[tuple[Kind, str], _Sums] = defaultdict(_Sums)
    for story in stories:
        for key in (("pattern", pattern_of(story)), ("flow", story.run.flow or NO_FLOW)):
            _add_run(found[key], story)
        names = ModelNames.in_story(story)
        for step in story.steps:
            if step.model.startswith(TOOL):
                _add_steps(found["tool", step.model.removeprefix(TOOL)], story, [step])
            elif step.agent:
                _add_steps(found["model", names.of_step(step)], story, [step])
        for parts in () if is_by_hand(story) else _whole_steps(story):
            _add_steps(found["agent", parts[0].agent], story, parts)
    rows = [_row(kind, name, sums) for (kind, name), sums in found.items()]
    ordered = sorted(rows, key=lambda row: (KINDS.index(row.kind), -row.cost.total, row.name))
    return RunStats(period, tuple(ordered), len(stories), left_out, dry=sum(story.run.is_dry for story in stories))


def pattern_of(story: RunStory) -> str:
    """Return the outermost pattern of a run by its steps; `one agent`, or `not begun`."""
    if is_by_hand(story):
        return "single calls"
    work = [step.path.partition("/")[0] for step in story.steps if not _is_routing(step)]
    return next((first if first in PATTERNS else "one agent" for first in work), "not begun")


def ending_of(story: RunStory) -> str:
    """Return how a run counts: answered, partial, refused (nothing was done for it), stopped by a person, or failed."""
    reason = story.run.stop_reason
    if reason == StopReason.CANCELLED:
        return "stopped"
    if reason == StopReason.COMPLETED:
        return "answered"
    if reason == StopReason.FAILED:
        return "failed"
    is_begun = any(
        step.record is not None and step.record.outcome == "ok" and not _is_routing(step) for step in story.steps
    )
    return ("partial" if is_begun else "refused") if reason in _CUT_SHORT else "failed"


def rounds_of(story: RunStory) -> int:
    """Return the most rounds of review that any part of a run took; 0 without a review."""
    parts = [step.path.split("/") for step in story.steps]
    numbers = [
        int(after) for path in parts for before, after in pairwise(path)
        if before == "supervisor" and after.isdigit()
    ]  # fmt: skip
    return max(numbers, default=0)


def _is_routing(step: StoryStep) -> bool:
    return step.agent == ROUTER


def _is_review(step: StoryStep) -> bool:
    return "/review/" in step.path


def _add_run(sums: _Sums, story: RunStory) -> None:
    run, cost_nusd = story.run, story.cost_nusd
    _count_run(sums, story)
    sums.endings[ending_of(story)] += 1
    sums.costs.append(cost_nusd)
    sums.times.append(run.executed_ms / 1000)
    sums.waits.append(story.waited_us / 1e6)
    sums.rounds.append(rounds_of(story))
    sums.tool_calls += sum(call.model.startswith(TOOL) for call in story.calls)
    sums.helped += story.helped
    sums.did_not += story.did_not
    told = story.decision(PRICE_PATH)
    if told is not None and run.stop_reason == StopReason.COMPLETED:
        price = estimate_in(told, run)
        sums.estimated += price.expected_nusd
        sums.bound += price.worst_nusd
        sums.estimated_cost += cost_nusd
    sums.routing += sum(step.cost_nusd for step in story.steps if _is_routing(step))
    sums.review += sum(step.cost_nusd for step in story.steps if _is_review(step))


def _count_run(sums: _Sums, story: RunStory) -> None:
    sums.runs.add(story.run.id)
    if story.run.is_dry:
        sums.dry.add(story.run.id)


def _whole_steps(story: RunStory) -> list[list[StoryStep]]:
    """Return the steps of agents, each with the turns and calls of tools that led to it, the step itself first."""
    found: dict[str, list[StoryStep]] = {}
    for step in story.steps:
        if step.agent:
            found.setdefault(step.path.partition("/turn/")[0], []).append(step)
    return [sorted(parts, key=lambda step: len(step.path)) for parts in found.values()]


def _add_steps(sums: _Sums, story: RunStory, parts: Sequence[StoryStep]) -> None:
    """Add one step of an agent, which may have parts; how it ended is told by the first of them.

    The call of a tool that returned an error has failed; the step it belongs to has not.
    """
    step = parts[0]
    if story.run.id not in sums.runs:
        sums.helped += story.helped
        sums.did_not += story.did_not
    _count_run(sums, story)
    is_ok = step.record is not None and step.record.outcome == "ok" and not step.record.data.get("is_error")
    is_cut = step.record is not None and step.record.finish_reason in ("length", "paused", "repetition")
    is_stopped = step.record is None and story.run.stop_reason == StopReason.CANCELLED
    missed = "stopped" if is_stopped else "failed"
    sums.endings["partial" if is_ok and is_cut else "answered" if is_ok else missed] += 1
    cost_nusd = sum(part.cost_nusd for part in parts)
    sums.costs.append(cost_nusd)
    sums.tool_calls += sum(call.model.startswith(TOOL) for part in parts for call in part.calls)
    if step.record is not None:
        sums.times.append(step.record.elapsed_ms / 1000)
    finished = next((call for call in step.calls if call.id == step.call_id), None)
    if finished is not None and is_ok:
        sums.held += finished.hold_nusd
        sums.estimated_cost += finished.actual_nusd
    sums.routing += cost_nusd if _is_routing(step) else 0
    sums.review += cost_nusd if _is_review(step) else 0


def _row(kind: Kind, name: str, sums: _Sums) -> StatsRow:
    cost = Spread.of(sums.costs)
    reviewed = [rounds for rounds in sums.rounds if rounds]
    return StatsRow(
        kind=kind,
        name=name,
        runs=len(sums.runs),
        answered=sums.endings["answered"],
        partial=sums.endings["partial"],
        refused=sums.endings["refused"],
        stopped=sums.endings["stopped"],
        failed=sums.endings["failed"],
        cost=cost,
        time=Spread.of(sums.times),
        waited=Spread.of(wait for wait in sums.waits if wait),
        rounds=sum(reviewed) / len(reviewed) if reviewed else 0.0,
        tool_calls=sums.tool_calls,
        helped=sums.helped,
        did_not=sums.did_not,
        estimate_ratio=_ratio(sums.estimated, sums.estimated_cost),
        bound_ratio=_ratio(sums.bound, sums.estimated_cost),
        held_ratio=_ratio(sums.held, sums.estimated_cost),
        routing_share=_ratio(sums.routing, cost.total),
        review_share=_ratio(sums.review, cost.total),
        dry=len(sums.dry),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0

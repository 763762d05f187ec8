"""What a pattern may use, in one frozen value that can only get narrower on the way down.

A child has a longer path, caps at least as tight and a deadline at most as late; nothing else can change, so nested
work cannot take more than its parent was given.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from patterns.core.context import TaskContext
from patterns.core.errors import LimitReachedError
from patterns.core.events import RunEvent
from patterns.core.holds import Fence, Payer
from patterns.core.limits import MAX_DEPTH, Cap, RunLimits
from patterns.core.ports import Clock, Decisions, EventSink, Journal, Ledger
from patterns.core.quotes import Quote
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import NO_TOOLS, NOTHING_ON, ToolBox, ToolRules
from patterns.handoff import Handoff
from patterns.roster.roster import Roster


def join(path: str, *segments: str | int) -> str:
    """Return a path extended by more segments."""
    return "/".join([*([path] if path else []), *map(str, segments)])


class Runner(Protocol):
    """The only way a pattern reaches a model; implemented by `patterns.agent.AgentRunner`."""

    async def step(
        self,
        ctx: TaskContext,
        services: "Services",
        *,
        agent: str,
        path: str,
        handoff: Handoff,
        schema: Mapping[str, Any] | None = None,
    ) -> StepRecord:
        """Return the finished step of a path: from the journal at no cost, or run and paid for now."""
        ...

    def quote(
        self, ctx: TaskContext, services: "Services", *, agent: str, schema: Mapping[str, Any] | None = None
    ) -> Quote:
        """Return the price bound of a step whose input is not known yet."""
        ...


class Meter:
    """The state that branches share: the number of steps taken, their cost, and the calls in flight."""

    def __init__(self, limits: RunLimits) -> None:
        self.steps_max = limits.steps
        self.steps = 0
        self.calls = asyncio.Semaphore(limits.concurrency)
        self._paid_nusd: Counter[str] = Counter()

    def count_step(self, *, kept: int = 0) -> None:
        """Count a paid step, journalled or not; raise LimitReachedError past the limit less `kept`."""
        if self.steps >= self.steps_max - kept:
            raise LimitReachedError(
                f"The run reached its limit of {self.steps_max} step{'s' * (self.steps_max > 1)}.", limit=Reason.STEPS
            )
        self.steps += 1

    def add_cost(self, path: str, nusd: int) -> None:
        """Add the cost of a step, paid now or before the run was resumed."""
        self._paid_nusd[path] += nusd

    def paid_nusd(self, path: str) -> int:
        """Return what the steps at and below a path have cost, including those that were stopped without a result."""
        return sum(nusd for at, nusd in self._paid_nusd.items() if f"{at}/".startswith(f"{path}/"))


@dataclass(frozen=True, slots=True)
class Services:
    """The ports and the bounds of a run, as one place in its tree sees them.

    `caps` are outermost first; `deadline` is in `clock.monotonic` seconds; `envelope` names a reservation made for this
    place; `may_stream` is true only where the text is the run's answer and nothing validates it; `steps_kept` steps are
    reserved for work elsewhere. `toolbox` reaches tool servers, and `tool_rules` say which of them are on here.
    `taken_over` counts by agent the steps that an earlier run has paid for.
    """

    runner: Runner
    ledger: Ledger
    journal: Journal
    decisions: Decisions
    events: EventSink
    clock: Clock
    roster: Roster
    limits: RunLimits
    payer: Payer
    fence: Fence
    meter: Meter
    caps: tuple[Cap, ...]
    deadline: float
    flow: str = ""
    path: str = ""
    depth: int = 0
    envelope: str | None = None
    may_stream: bool = False
    steps_kept: int = 0
    toolbox: ToolBox = NO_TOOLS
    tool_rules: ToolRules = NOTHING_ON
    taken_over: Mapping[str, int] = field(default_factory=dict)

    def at(self, *segments: str | int) -> str:
        """Return the path of something below this place."""
        return join(self.path, *segments)

    def child(
        self,
        *segments: str | int,
        limit_nusd: int | None = None,
        deadline: float | None = None,
        may_stream: bool = True,
    ) -> "Services":
        """Return the services of a part of the work, with a tighter cap or an earlier deadline."""
        path = self.at(*segments)
        caps = self.caps
        if limit_nusd is not None:
            key = f"{self.fence.run_id}:{path}"
            caps = (*caps, Cap(kind="stage", key=key, limit_nusd=max(0, min(limit_nusd, self.pool_nusd))))
        return replace(
            self,
            path=path,
            caps=caps,
            deadline=self.deadline if deadline is None else min(deadline, self.deadline),
            may_stream=may_stream and self.may_stream,
        )

    def nested(self, pattern: str) -> "Services":
        """Return the services one nesting level further down; raise LimitReachedError below MAX_DEPTH."""
        if self.depth >= MAX_DEPTH:
            raise LimitReachedError(f"Patterns may be nested {MAX_DEPTH} deep.", limit=Reason.DEPTH)
        return replace(self.child(pattern), depth=self.depth + 1)

    @property
    def pool_nusd(self) -> int:
        """Return what this place may spend at most, in nano-dollars."""
        return min(cap.limit_nusd for cap in self.caps)

    @property
    def left_s(self) -> float:
        """Return the seconds until the deadline, below zero when it has passed."""
        return self.deadline - self.clock.monotonic()

    def emit(self, event: RunEvent) -> None:
        """Send an event to the listeners of the run."""
        self.events.emit(self.fence.run_id, event)

    async def find_decision(self, path: str) -> StepRecord | None:
        """Return a decision journalled earlier in this run, or None."""
        return await self.journal.find(self.fence.run_id, path)

    async def record_decision(self, path: str, data: Mapping[str, Any] | None = None, *, text: str = "") -> StepRecord:
        """Journal a decision that could come out differently next time; return the stored one, the first writer's.

        What people or models said belongs in `text`, which can be forgotten.
        """
        step = StepRecord(path=path, input_hash="", outcome="decision", data=dict(data or {}), text=text)
        return await self.journal.record(self.fence, step)


def open_services(  # noqa: PLR0913 - the composition root hands over every door, each by keyword
    *,
    runner: Runner,
    ledger: Ledger,
    journal: Journal,
    decisions: Decisions,
    events: EventSink,
    clock: Clock,
    roster: Roster,
    payer: Payer,
    fence: Fence,
    executed_s: float = 0.0,
    may_stream: bool = False,
    toolbox: ToolBox | None = None,
    tool_rules: ToolRules | None = None,
) -> Services:
    """Return the services of a whole run. `executed_s` counts executing time before it was parked or resumed."""
    limits = roster.limits
    return Services(
        runner=runner,
        ledger=ledger,
        journal=journal,
        decisions=decisions,
        events=events,
        clock=clock,
        roster=roster,
        limits=limits,
        payer=payer,
        fence=fence,
        meter=Meter(limits),
        caps=(Cap(kind="run", key=fence.run_id, limit_nusd=limits.run_nusd),),
        deadline=clock.monotonic() + limits.run_s - executed_s,
        may_stream=may_stream,
        toolbox=toolbox or NO_TOOLS,
        tool_rules=tool_rules or NOTHING_ON,
    )

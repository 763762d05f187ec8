"""The price of what is left of a flow when some of its steps are taken over from an earlier run and not paid again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from patterns.core.context import TaskContext
from patterns.core.quotes import Quote
from patterns.core.step_record import StepRecord
from patterns.handoff import Handoff
from patterns.services import Runner, Services


def quote_rest(services: Services, quote: Callable[[Services], Quote]) -> Quote:
    """Return a quote without the steps that are taken over: each takes the place of one step of its agent.

    Of an agent that is asked in several ways the cheapest is left out, so the rest stays a bound.
    """
    if not services.taken_over:
        return quote(services)
    seen = _SeenQuotes(services.runner)
    whole = quote(replace(services, runner=seen))
    for agent, count in services.taken_over.items():
        if agent in seen.least:
            whole = whole.without(seen.least[agent].times(count))
    return whole


@dataclass
class _SeenQuotes:
    """A `Runner` that remembers the least quote it gave for each agent."""

    runner: Runner
    least: dict[str, Quote] = field(default_factory=dict)

    async def step(
        self,
        ctx: TaskContext,
        services: Services,
        *,
        agent: str,
        path: str,
        handoff: Handoff,
        schema: Mapping[str, Any] | None = None,
    ) -> StepRecord:
        """Return the finished step of a path; see the port."""
        return await self.runner.step(ctx, services, agent=agent, path=path, handoff=handoff, schema=schema)

    def quote(
        self, ctx: TaskContext, services: Services, *, agent: str, schema: Mapping[str, Any] | None = None
    ) -> Quote:
        """Return the price bound of a step; see the port."""
        quote = self.runner.quote(ctx, services, agent=agent, schema=schema)
        self.least[agent] = quote.least(self.least.get(agent, quote))
        return quote

"""Steps of an ended run from its journal: rendered as they were, checked by their hash, sent to nobody."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from patterns.agent import AgentRunner
from patterns.attempts import Attempts
from patterns.core.calls import Message
from patterns.core.context import TaskContext
from patterns.core.errors import AgentsError
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.ports import Ledger, ModelClient
from patterns.core.quotes import Quote
from patterns.core.step_record import StepRecord
from patterns.core.tools import EarlierCall
from patterns.handoff import Handoff
from patterns.services import Runner, Services


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A step's prompt as the journal gives it. `is_same` tells that its hash is the journalled one.

    `is_finished` is False for a step that the run began or wanted, and never finished.
    """

    agent: str
    messages: tuple[Message, ...]
    is_same: bool
    is_finished: bool


class ReplayRunner:
    """A `Runner` that returns journalled steps and never calls a model; `seen` are their prompts by path, in order."""

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self._quotes = AgentRunner(client)
        self.seen: dict[str, Rebuilt] = {}

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
        """Return the journalled step, whatever its hash says; one that was never finished asks the ledger why.

        Raises:
            AgentsError: what the ledger's double says became of a step that is not in the journal.
        """
        services.meter.count_step(kept=services.steps_kept)
        asked = Attempts(self._client, ctx, services, agent, path, handoff, schema)
        found = await services.journal.find(services.fence.run_id, path)
        is_same = found is not None and found.input_hash == asked.input_hash
        self.seen[path] = Rebuilt(agent, asked.messages, is_same, is_finished=found is not None)
        if found is not None:
            services.meter.add_cost(path, found.spent_nusd)
            return found
        await services.ledger.hold(_wanted(services, agent, path))
        raise AgentsError(f"The step {path} is not in the journal, so it cannot be replayed.")

    def quote(
        self, ctx: TaskContext, services: Services, *, agent: str, schema: Mapping[str, Any] | None = None
    ) -> Quote:
        """Return the price bound of a step, as it was for the run."""
        return self._quotes.quote(ctx, services, agent=agent, schema=schema)


def _wanted(services: Services, agent: str, path: str) -> HoldRequest:
    return HoldRequest(
        call_id=f"{services.fence.run_id}/{path}/replay",
        fence=services.fence,
        payer=services.payer,
        caps=services.caps,
        path=path,
        attempt=1,
        agent=agent,
        model=services.roster.agent(agent).model,
        flow=services.flow,
        price_version="",
        amount_nusd=0,
    )


def steps_by_agent(steps: Iterable[StepRecord]) -> dict[str, int]:
    """Return how many of these steps are of each agent; a turn and its calls are no steps of their own."""
    return dict(Counter(step.agent for step in steps if step.outcome != "decision" and "/turn/" not in step.path))


@dataclass(frozen=True, slots=True)
class KeptMoney:
    """A `Ledger` in which nothing is reserved for steps that are taken over; everything else is handed on."""

    inner: Ledger
    kept: frozenset[str]

    async def hold(self, request: HoldRequest) -> Hold:
        """Hold the bound of one attempt; see the port."""
        return await self.inner.hold(request)

    async def reserve_many(self, requests: Sequence[ReserveRequest], *, joined: bool = False) -> list[Hold]:
        """Reserve money for several parts, none for what is taken over; see the port."""
        asked = [replace(one, amount_nusd=0) if one.path in self.kept else one for one in requests]
        return await self.inner.reserve_many(asked, joined=joined)

    def is_refused(self, reservation: Hold) -> bool:
        """Return whether a joined reservation was refused; see the port."""
        return self.inner.is_refused(reservation)

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        """Settle a hold and journal its step; see the port."""
        return await self.inner.settle(hold, charged, fence, step)

    async def release(self, holds: Sequence[Hold]) -> None:
        """Free reservations; see the port."""
        await self.inner.release(holds)

    async def earlier_calls(self, run_id: str, path: str) -> Sequence[EarlierCall]:
        """Return the calls held for a path; see the port."""
        return await self.inner.earlier_calls(run_id, path)


class KeptSteps:
    """A `Runner` that takes steps over from an earlier run, at no cost, and hands everything else on.

    `given` is what the earlier run was given besides its request: history and attachments.
    """

    def __init__(self, inner: Runner, client: ModelClient, kept: Mapping[str, StepRecord], given: TaskContext) -> None:
        self._inner = inner
        self._client = client
        self._kept = kept
        self._given = {"history": given.history, "artifacts": given.artifacts}

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
        """Return the step that was taken over, journalled for this run; run and pay every other."""
        ctx = ctx.model_copy(update=self._given)
        kept = self._kept.get(path)
        if kept is None or kept.agent != agent:
            return await self._inner.step(ctx, services, agent=agent, path=path, handoff=handoff, schema=schema)
        services.meter.count_step(kept=services.steps_kept)
        asked = Attempts(self._client, ctx, services, agent, path, handoff, schema)
        own = kept.model_copy(update={"input_hash": asked.input_hash})
        return await services.journal.record(services.fence, own)

    def quote(
        self, ctx: TaskContext, services: Services, *, agent: str, schema: Mapping[str, Any] | None = None
    ) -> Quote:
        """Return the price bound of a step."""
        return self._inner.quote(ctx.model_copy(update=self._given), services, agent=agent, schema=schema)

"""The ports through which all work goes, watched: the runner of steps, the client of models, the tool servers."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.telemetry.operations import CallMade, Observer, Observers, StepTaken, ToolCalled
from patterns.agent import AgentRunner
from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.context import TaskContext
from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.money import Price
from patterns.core.ports import Circuit, ModelClient, OnText
from patterns.core.quotes import Quote
from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolBox, ToolOutput, ToolSchema
from patterns.core.web_search import WebSearch
from patterns.handoff import Handoff
from patterns.roster.roster import ModelSpec
from patterns.services import Runner, Services


@dataclass(frozen=True, slots=True)
class WatchedRunner:
    """A `Runner` whose steps are watched."""

    runner: Runner
    observer: Observer

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
        step = StepTaken(ctx, agent, path, services.flow)
        with self.observer.observe(step):
            step.record = await self.runner.step(ctx, services, agent=agent, path=path, handoff=handoff, schema=schema)
            return step.record

    def quote(
        self, ctx: TaskContext, services: Services, *, agent: str, schema: Mapping[str, Any] | None = None
    ) -> Quote:
        """Return the price bound of a step; see the port."""
        return self.runner.quote(ctx, services, agent=agent, schema=schema)


@dataclass(frozen=True, slots=True)
class WatchedClient:
    """A `ModelClient` whose attempts are watched."""

    client: ModelClient
    observer: Observer
    models: Mapping[str, ModelSpec]

    def price(self, model: str) -> Price:
        """Return the price of a model; see the port."""
        return self.client.price(model)

    def search_refusal(self, model: str, search: WebSearch) -> str:
        """Return why the provider of a model cannot search the web for it; empty where it can."""
        return self.client.search_refusal(model, search)

    def fallbacks(self, model: str) -> tuple[str, ...]:
        """Return the fallback models of a model; see the port."""
        return self.client.fallbacks(model)

    def circuit(self, model: str) -> Circuit:
        """Return the circuit of the address that a model is reached at."""
        return self.client.circuit(model)

    def prepare(self, request: ModelRequest) -> PreparedCall:
        """Translate a request without sending it; see the port."""
        return self.client.prepare(request)

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        """Send one attempt and return the answer; see the port."""
        made = CallMade(call, self.models[call.request.model].model)
        begun_s = time.perf_counter()

        def first(piece: str) -> None:
            if made.first_text_s is None:
                made.first_text_s = time.perf_counter() - begun_s
            if on_text is not None:
                on_text(piece)

        with self.observer.observe(made):
            made.completion = await self.client.complete(call, None if on_text is None else first)
            return made.completion


@dataclass(frozen=True, slots=True)
class WatchedToolBox:
    """A `ToolBox` whose calls are watched."""

    toolbox: ToolBox
    observer: Observer

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Return the tools of these names; see the port."""
        return await self.toolbox.schemas(names)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str,
        timeout_s: float,
        asker: str = "",
        answers: FormAnswers = NOBODY_TO_ASK,
    ) -> ToolOutput:
        """Call a tool once; see the port."""
        called = ToolCalled(tool, key, arguments)
        with self.observer.observe(called):
            called.output = await self.toolbox.call(
                tool, arguments, key=key, timeout_s=timeout_s, asker=asker, answers=answers
            )
            return called.output


def toolbox_over(toolbox: ToolBox, observers: Observers) -> ToolBox:
    """Return the tool servers, watched where somebody watches."""
    return WatchedToolBox(toolbox, observers) if observers else toolbox


def runner_over(client: ModelClient, models: Mapping[str, ModelSpec], observers: Observers) -> Runner:
    """Return a runner of steps over a client of models, both watched where somebody watches."""
    if not observers:
        return AgentRunner(client)
    return WatchedRunner(AgentRunner(WatchedClient(client, observers, models)), observers)

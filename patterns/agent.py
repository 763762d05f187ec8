"""The only path to a model: a two-phase hold (hold, call, settle) for every attempt of every step.

A step has a path and is finished once: its journal record is the checkpoint. When all of its models have failed, the
failure is journalled too. Cost: each attempt is held at its upper bound before it is sent.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from patterns.attempts import Attempts
from patterns.core.calls import Image, Message, ModelRequest, PreparedCall
from patterns.core.context import TaskContext
from patterns.core.errors import BudgetExceededError, DriftError, LimitReachedError, ModelError
from patterns.core.events import Noted, StepFinished, StepStarted
from patterns.core.money import Usage
from patterns.core.ports import ModelClient
from patterns.core.quotes import Quote
from patterns.core.step_record import StepRecord
from patterns.core.structured import REPAIR_BYTES
from patterns.core.tools import ToolSchema
from patterns.core.web_search import WebSearch
from patterns.handoff import Handoff, images
from patterns.retries import TRIES_PER_MODEL
from patterns.roster.agent_schema import output_schema
from patterns.roster.roster import AgentSpec, Roster
from patterns.roster.tool_schema import ToolSpec
from patterns.services import Services, join
from patterns.tools.dry_run import charged_tools
from patterns.tools.loop import ToolLoop
from patterns.tools.offer import TOOLS, allowed_tools
from patterns.tools.price import quote_with_tools, tool_filler
from patterns.tools.web import QUERY_CHARS_MAX, only_search, search_request
from patterns.typical import typical_usage

_log = structlog.get_logger(__name__)

QUOTES_MAX = 1000
"""Price bounds that a runner keeps: one for each agent and each form of answer it can be asked for."""


class AgentRunner:
    """Runs single steps; nothing else in the program may call the model client."""

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self._quotes: dict[tuple[int, str, str], tuple[Roster, Quote]] = {}

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
        """Return the finished step of a path: from the journal at no cost, or run and paid for now.

        When every model has failed, a record with outcome `failed` is returned, nothing is raised.

        Raises:
            BudgetExceededError: the hold of an attempt was refused; that attempt was not sent.
            LimitReachedError: no step or no time is left.
            DriftError: the journal has this step with another input hash.
        """
        services.meter.count_step(kept=services.steps_kept)
        work = Attempts(self._client, ctx, services, agent, path, handoff, schema)
        found = await services.journal.find(services.fence.run_id, path)
        if found is not None:
            if found.input_hash != work.input_hash:
                raise DriftError
            services.meter.add_cost(path, found.spent_nusd)
            services.emit(_finished(found, usage=None, replayed=True))
            return found
        services.emit(StepStarted(path=path, agent=agent))
        if work.was_cut:
            services.emit(Noted(path, f"{agent} sees long material only in part; the cuts are marked."))
        if work.images and not services.roster.models[services.roster.agent(agent).model].sees_images:
            services.emit(Noted(path, f"Pictures were left out for {agent}, whose model sees none."))
        tools = await self._tools(services, agent, path)
        loop = ToolLoop(work, tools) if tools else None
        try:
            record = await (loop.run() if loop else work.run())
        except (BudgetExceededError, LimitReachedError) as error:
            error.spent_nusd = loop.spent_nusd if loop else work.cost_nusd
            reason = error.reason if isinstance(error, BudgetExceededError) else error.limit
            services.emit(_finished(work.record("failed", model="", reason=reason), usage=None, replayed=False))
            raise
        is_uncertain = bool(record.data.get("uncertain_nusd"))
        services.emit(
            _finished(record, usage=loop.usage if loop else work.usage, replayed=False, uncertain=is_uncertain)
        )
        _log.info(
            "step_finished", run=ctx.run_id, path=path, agent=agent, outcome=record.outcome, cost_nusd=record.spent_nusd
        )
        return record

    @staticmethod
    async def _tools(services: Services, agent: str, path: str) -> tuple[ToolSpec, ...]:
        """Return the tools a step may use: those that are on, or that it began with."""
        allowed = allowed_tools(services, agent)
        if not allowed and services.roster.agent(agent).tools:
            listed = await services.find_decision(join(path, TOOLS))
            return services.roster.tools_of(agent) if listed is not None else ()
        return allowed

    def quote(
        self, ctx: TaskContext, services: Services, *, agent: str, schema: Mapping[str, Any] | None = None
    ) -> Quote:
        """Return the price of a step whose input is not known yet, bounded by every slot filled to its byte cap."""
        spec = services.roster.agent(agent)
        prompt = services.roster.prompts[spec.prompt]
        wanted = schema or output_schema(spec)
        shown = images(ctx) if "artifacts" in prompt.slots else ()
        tools = charged_tools(allowed_tools(services, agent), dry=services.tool_rules.dry)
        if shown:  # the only part of a request that the bound depends on
            return self._quote(spec, services.roster, wanted, shown, tools)
        prices = [[one.name, one.price_nusd] for one in tools]
        key = id(services.roster), agent, json.dumps([wanted, prices], sort_keys=True)
        kept = self._quotes.get(key)
        if kept is None:
            if len(self._quotes) >= QUOTES_MAX:
                self._quotes.clear()
            kept = self._quotes[key] = services.roster, self._quote(spec, services.roster, wanted, (), tools)
        return kept[1]

    def _quote(
        self,
        spec: AgentSpec,
        roster: Roster,
        wanted: Mapping[str, Any] | None,
        shown: tuple[Image, ...],
        tools: tuple[ToolSpec, ...] = (),
    ) -> Quote:
        prompt = roster.prompts[spec.prompt]
        alone = only_search(tools)
        filler = "x" * prompt.bytes_max(spec.input_bytes_max)
        repair = Message("user", "x" * (REPAIR_BYTES + 1000))
        chain = (spec.model, *self._client.fallbacks(spec.model))
        seen = {model: shown if roster.models[model].sees_images else () for model in chain}
        asked = {model: Message("user", filler, seen[model]) for model in chain}
        search = alone.search if alone else None
        calls = [self._prepared(spec, model, (asked[model],), wanted, search=search) for model in chain]
        again_asked = [self._prepared(spec, model, (asked[model], repair), wanted, search=search) for model in chain]
        repairs = again_asked if wanted else []
        # What cannot be sent costs nothing; the step itself will say why it failed.
        first = [call.bound_nusd if call else 0 for call in calls]
        again = [call.bound_nusd if call else 0 for call in repairs]
        usual = next(filter(None, calls), None)
        usage = typical_usage(prompt, usual, input_bytes_max=spec.input_bytes_max) if usual else None
        plain = Quote(
            once_nusd=max(first),
            worst_nusd=TRIES_PER_MODEL * (sum(first) + sum(again)),
            typical_nusd=min(usual.bound_nusd, usual.price.cost_nusd(usage)) if usual and usage else 0,
        )
        if not tools or alone:
            return plain
        found = [one.search for one in tools if one.search]
        query = "x" * QUERY_CHARS_MAX
        asking = [
            search_request(model, query, one, max_output_tokens=spec.max_output_tokens)
            for one in found
            for model in chain
        ]
        searching = [self._price_of(request) for request in asking]
        offered = [self._prepared(spec, model, (asked[model],), None, tool_filler(tools)) for model in chain]
        turns = [call for call in offered if call]
        dearest = max([TRIES_PER_MODEL * sum(searching), *(one.price_nusd for one in tools)])
        return quote_with_tools(spec, tools, first=turns, closing=plain, tries=TRIES_PER_MODEL, dearest_nusd=dearest)

    def _price_of(self, request: ModelRequest) -> int:
        """Return the price bound of a request, 0 where it cannot be sent."""
        try:
            return self._client.prepare(request).bound_nusd
        except ModelError:
            return 0

    def _prepared(
        self,
        spec: AgentSpec,
        model: str,
        messages: tuple[Message, ...],
        schema: Mapping[str, Any] | None,
        tools: tuple[ToolSchema, ...] = (),
        search: WebSearch | None = None,
    ) -> PreparedCall | None:
        request = ModelRequest(
            model=model, messages=messages, max_output_tokens=spec.max_output_tokens, schema=schema, tools=tools
        )
        if search and not self._client.search_refusal(model, search):
            request = replace(request, search=search)
        try:
            return self._client.prepare(request)
        except ModelError:
            return None


def _finished(record: StepRecord, *, usage: Usage | None, replayed: bool, uncertain: bool = False) -> StepFinished:
    return StepFinished(
        path=record.path,
        agent=record.agent,
        model=record.model,
        ok=record.outcome == "ok",
        reason=record.reason,
        usage=usage,
        cost_nusd=record.spent_nusd,
        elapsed_ms=record.elapsed_ms,
        replayed=replayed,
        uncertain=uncertain,
    )

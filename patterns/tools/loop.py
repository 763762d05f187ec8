"""The tool loop: turns of a model and the calls it asks for, until it answers. Bounded by construction.

When to use it: an agent that must look things up or act. How it fails: a call that fails is a result the agent reads; a
limit that is reached leads to the closing turn, which offers no tools, so that an answer comes. What it costs: every
turn and every call is held before it is sent, all of them under the step's own cap, and the closing turn's money is
reserved before the first turn is held.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from patterns.attempts import Attempts
from patterns.core.errors import BudgetExceededError, DriftError, LimitReachedError, ModelError
from patterns.core.events import Noted
from patterns.core.limits import Cap
from patterns.core.money import Usage
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolBox, ToolSchema
from patterns.core.web_search import WebSearch
from patterns.roster.prompts import weigh
from patterns.roster.tool_schema import ToolSpec
from patterns.services import join
from patterns.tools.approvals import NOBODY, Approvals
from patterns.tools.built_in import BuiltInTools
from patterns.tools.calls import Calls
from patterns.tools.closing_money import ClosingMoney
from patterns.tools.growth import CALL_BYTES, REFUSAL_BYTES, REFUSED_MAX, Growth
from patterns.tools.judging import Judged, Offered, judge
from patterns.tools.offer import Offer, ToolsChangedError
from patterns.tools.search import WithSearch, result_bytes_max, with_found
from patterns.tools.together import all_ended
from patterns.tools.toolbox import Routed
from patterns.tools.transcript import Transcript, TurnSaid, chained
from patterns.tools.turn import Turn
from patterns.tools.unstored import Unstored
from patterns.tools.web import ProviderSearch, SearchCall, only_search

PARALLEL_MAX = 4
"""Calls of one step at once."""
CLOSING_TIME = 0.25
"""The part of the time left that turns with tools may not use up."""
RESULT_BYTES_MIN = 200


@dataclass
class ToolLoop:
    """One step of an agent with tools. `step` is it without them; the closing turn may `search` alone."""

    step: Attempts
    specs: tuple[ToolSpec, ...]
    cost_nusd: int = 0
    uncertain_nusd: int = 0
    last: Attempts | None = None
    search: WebSearch | None = None
    _judged: list[Judged] = field(default_factory=list)

    def __post_init__(self) -> None:
        step = self.step
        services, spec = step.services, step.spec
        if spec.step_nusd is not None:
            cap = Cap("stage", f"{services.fence.run_id}:{step.path}", min(spec.step_nusd, services.pool_nusd))
            services = replace(services, caps=(*services.caps, cap))
        self.services = services
        closing_s = min(spec.timeout_s, CLOSING_TIME * max(0.0, services.left_s))
        self.work = replace(services, deadline=services.deadline - closing_s)
        known = services.roster.tools
        searches = ProviderSearch(step.client, spec.model, known)
        tools = Routed(services.toolbox, BuiltInTools(services.clock), searches, known)
        self.offer = Offer(services, tools, step.agent, step.path, self.specs)
        self.toolbox: ToolBox = WithSearch(tools, self.offer.listed)
        self.closing = ClosingMoney(services, step.path)
        chain = (spec.model, *step.client.fallbacks(spec.model))
        thinks = max(services.roster.models[model].reasoning_tokens_max for model in chain)
        self.growth = Growth(spec.max_output_tokens + thinks, result_bytes_max(self.specs))
        self.approvals = Approvals(self.work, step.agent, step.path)
        self.calls = Calls(self.work, self.toolbox, self.approvals, step.agent, step.path, asker=step.ctx.user)
        self.unstored = Unstored(self.toolbox, self.calls.unstored)

    async def run(self) -> StepRecord:
        """Return the step's record: the answer, or the journalled failure.

        Raises:
            BudgetExceededError: there is no money for a first turn and an answer after it.
            LimitReachedError: no time is left for an answer.
            ParkedError: a call waits for a person.
            DriftError: the journal has turns or calls of another input.
        """
        offered = await self.offer.offered()
        if alone := only_search([one.spec for one in offered.values()]):
            self.search, offered = alone.search, {}
        begun = chained(self.step.input_hash, *(one.hash for one in offered.values()))
        transcript = Transcript(begun, self.growth.written_bytes)
        try:
            for number in range(1, self.step.spec.turns_max):
                tools = tuple(one.schema for one in offered.values())
                record = await self._turn(number, tools, transcript)
                if record is None:
                    break
                if record.path == self.step.path:
                    return record
                said = TurnSaid.of_record(record)
                if not said.calls:
                    break
                made = await self._results(number, said, offered, transcript)
                refused = [bool(one.problem) for one in self._judged[-len(made) :]]
                self.unstored.note(len(transcript.turns), made, self._judged[-len(made) :])
                transcript.add(said, [one.text for one in made], refused)
                transcript.elapsed_ms += record.elapsed_ms + max(one.elapsed_ms for one in made)  # made side by side
                offered = with_found(offered, made, self.offer.by_name)
                if self._calls_left <= 0:
                    break
            return await self._close(transcript)
        except ToolsChangedError:
            return await self._changed()
        finally:
            await self.closing.free()

    async def _changed(self) -> StepRecord:
        turn = self._new_turn(0, (), Transcript("", 0))
        failed = turn.record("failed", model=self.step.spec.model, reason=Reason.TOOLS_CHANGED)
        return await self.services.journal.record(self.services.fence, failed)

    # ------------------------------------------------------------ turns

    @property
    def spent_nusd(self) -> int:
        """Return what the step has cost so far, with its turns and calls."""
        return self.cost_nusd + self.calls.cost_nusd

    @property
    def usage(self) -> Usage | None:
        """Return the tokens of the last turn."""
        return self.last.usage if self.last else None

    @property
    def _one_call(self) -> int:
        """Return by how much a turn with one call lengthens the closing turn at most."""
        return self.growth.turn + self.growth.results(1)

    @property
    def _calls_left(self) -> int:
        return self.step.spec.tool_calls_max - sum(not one.problem for one in self._judged)

    async def _turn(self, number: int, tools: tuple[ToolSchema, ...], transcript: Transcript) -> StepRecord | None:
        """Return the record of a turn with tools, or of the step; None where it cannot be afforded any more.

        Raises:
            BudgetExceededError: not even the first turn can.
        """
        path = join(self.step.path, "turn", number)
        found = await self.services.find_decision(path)
        if found is not None:
            if found.input_hash != transcript.hash:
                raise DriftError
            self._count(found)
            return found
        if not tools:
            return None
        await self.unstored.fill(transcript)
        turn = self._new_turn(number, tools, transcript)
        try:
            await self.closing.reserve(number, self._closing_nusd(transcript, self._one_call))
            return await self._ran(turn)
        except (BudgetExceededError, LimitReachedError) as error:
            is_time = isinstance(error, LimitReachedError)
            if number == 1 and not is_time:
                error.spent_nusd = self.spent_nusd
                raise
            why = "time" if is_time else "budget"
            self.services.emit(Noted(path, f"The {why} allows {self.step.agent} no more looking things up."))
            return None

    async def _close(self, transcript: Transcript) -> StepRecord:
        """Run the turn that offers no tools, so that an answer comes."""
        await self.unstored.fill(transcript)
        turn = self._new_turn(len(transcript.turns) + 1, (), transcript)
        try:
            return await self._ran(turn)
        except (BudgetExceededError, LimitReachedError) as error:
            error.spent_nusd = self.spent_nusd
            raise

    def _new_turn(self, number: int, tools: tuple[ToolSchema, ...], transcript: Transcript) -> Turn:
        step = self.step
        # A turn with tools is paid from what is free: the closing turn's money waits for it.
        is_first = number == 1 and not transcript.turns
        envelope = self.closing.envelope if not tools else (self.services.envelope if is_first else None)
        services = replace(self.work if tools else self.services, envelope=envelope)
        return Turn(
            step.client,
            step.ctx,
            services,
            step.agent,
            step.path,
            step.handoff,
            step.schema,
            rendered=step.rendered,
            number=number,
            tools=tools,
            transcript=transcript,
            before_nusd=self.cost_nusd + self.calls.cost_nusd,
            before_uncertain_nusd=self.uncertain_nusd + self.calls.uncertain_nusd,
            search=None if tools else self.search,
        )

    async def _ran(self, work: Attempts) -> StepRecord:
        self.last = work if isinstance(work, Turn) else self.last
        try:
            return await work.run()
        finally:
            self.cost_nusd += work.cost_nusd
            self.uncertain_nusd += work.uncertain_nusd
            work.cost_nusd = work.uncertain_nusd = 0

    def _count(self, found: StepRecord) -> None:
        """Count what a record of an earlier owner cost."""
        self.cost_nusd += found.cost_nusd
        self.uncertain_nusd += int(found.data.get("uncertain_nusd", 0))
        self.services.meter.add_cost(self.step.path, found.cost_nusd)

    def _closing_nusd(self, transcript: Transcript, more_bytes: int) -> int:
        """Return the price bound of the closing turn, its transcript longer by so many bytes."""
        closing = self._new_turn(0, (), transcript)
        bounds = [0]
        for model in (self.step.spec.model, *self.step.client.fallbacks(self.step.spec.model)):
            try:
                call = closing.prepared(model)
            except ModelError:
                continue
            bounds.append(replace(call, input_tokens_max=call.input_tokens_max + more_bytes).bound_nusd)
        return max(bounds)

    # ------------------------------------------------------------ calls

    async def _results(
        self, number: int, said: TurnSaid, offered: Mapping[str, Offered], transcript: Transcript
    ) -> list[StepRecord]:
        """Return the records of a turn's calls, in their order: all are judged before any is sent.

        Raises:
            ParkedError: some wait for a person; nothing of the turn was sent.
        """
        bounds = {"calls_left": self._calls_left, "written_bytes": self.growth.written_bytes}
        judged = judge(said.calls, offered, earlier=self._judged, **bounds)
        self._judged += judged
        paths = [join(self.step.path, "turn", number, "call", k) for k in range(1, len(judged) + 1)]
        found: dict[str, StepRecord] = {}
        for path, one in zip(paths, judged, strict=True):
            kept = await self.services.find_decision(path)
            if kept is None:
                continue
            if kept.input_hash != one.key:
                raise DriftError
            self._count(kept)
            found[path] = kept
        due = {path: one for path, one in zip(paths, judged, strict=True) if path not in found}
        if due:
            await self.unstored.fill(transcript)
            await self.offer.check_unchanged(offered)
            found |= await self._made(number, due, transcript.extended(said))
        return [found[path] for path in paths]

    async def _made(self, number: int, due: Mapping[str, Judged], transcript: Transcript) -> dict[str, StepRecord]:
        asking = {path: one for path, one in due.items() if not one.problem}
        permits = await self.approvals.permits(number, asking)
        shares = await self._shares(due, transcript)
        gate = asyncio.Semaphore(PARALLEL_MAX)
        numbers = {path: len(self._judged) - len(due) + at for at, path in enumerate(due, start=1)}

        async def make(path: str, one: Judged) -> StepRecord:
            async with gate:
                if one.tool and one.tool.spec.search and not one.problem:
                    bounds = {"bytes_max": shares[path], "number": numbers[path]}
                    return await self._ran(SearchCall.beside(self.step, self.work, path, one, **bounds))
                permit = permits.get(path, NOBODY)
                return await self.calls.make(path, one, permit, bytes_max=shares[path], number=numbers[path])

        tasks = [asyncio.create_task(make(path, one), name=f"tool {path}") for path, one in due.items()]
        made = await all_ended(tasks)
        return dict(zip(due, made, strict=True))

    async def _shares(self, due: Mapping[str, Judged], transcript: Transcript) -> dict[str, int]:
        """Return how many bytes each result may have, so that the closing turn can still show all of them.

        Where the money for more of them is not there, they share what was reserved for one.
        """
        wanted = {
            path: REFUSAL_BYTES if one.problem or one.tool is None else one.tool.spec.output_bytes_max
            for path, one in due.items()
        }
        shown = len(wanted) - max(0, sum(bool(one.problem) for one in due.values()) - REFUSED_MAX)
        more_bytes = sum(wanted.values()) + shown * CALL_BYTES
        try:
            await self.closing.reserve(len(transcript.turns) + 1, self._closing_nusd(transcript, more_bytes))
        except BudgetExceededError:
            share = (self._one_call - weigh(transcript.turns[-1].said.text())) // shown - CALL_BYTES
            return {path: max(RESULT_BYTES_MIN, min(bytes_max, share)) for path, bytes_max in wanted.items()}
        return wanted

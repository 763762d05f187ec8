"""Broadcast: several voices on the same request at once, then one synthesis or a list.

When to use it: independent views of one question, or several checks of one text. How it fails: a voice that fails is
named with its reason, and the policy decides whether the rest is enough (fail_fast, continue, quorum). What it costs:
all voices and the synthesis; that money is reserved before the first voice runs, or fewer voices run.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NoReturn

from patterns.core.context import TaskContext
from patterns.core.errors import SIBLING_ENDED, BudgetExceededError, ParkedError, ReservationRefusedError
from patterns.core.events import MissingVoice, Noted, PatternResult, Refusal, StopReason
from patterns.core.holds import Hold
from patterns.core.limits import FailurePolicy
from patterns.core.quotes import Quote
from patterns.core.reasons import Reason
from patterns.envelopes import release_envelopes, reserved, with_envelope
from patterns.handoff import EMPTY_HANDOFF, Handoff
from patterns.pattern import Pattern, Solo, checkpoint, merge_results, run_agent, run_or_resume
from patterns.roster.prompts import PromptPiece
from patterns.services import Services, join

CONTINUE = FailurePolicy()
SYNTHESIS = "synthesis"
SYNTHESIS_TIME = 0.25
"""The part of the time left that voices may not use up."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Voices with a synthesizer; without one, their texts are listed."""

    voices: tuple[Pattern, ...]
    synthesizer: str | None
    policy: FailurePolicy = CONTINUE

    @property
    def label(self) -> str:
        """Return the synthesizer's name, or the names of the voices."""
        return self.synthesizer or ", ".join(voice.label for voice in self.voices)

    async def run(self, ctx: TaskContext, services: Services, handoff: Handoff = EMPTY_HANDOFF) -> PatternResult:
        """Reserve money for the whole fan-out, run the voices concurrently, and return one merged result."""
        inner = services.nested("broadcast")
        if inner.envelope is not None or inner.fence.epoch > 1:  # a resumed fan-out may have to go on without
            return await self._fan_out(ctx, inner, handoff)
        steps = inner.meter.steps
        try:
            return await self._fan_out(ctx, inner, handoff, joined=True)
        except ReservationRefusedError:  # the first holds told so, and nothing was sent: fewer voices may fit
            inner.meter.steps = steps
            return await self._fan_out(ctx, inner, handoff)

    async def _fan_out(
        self, ctx: TaskContext, inner: Services, handoff: Handoff, *, joined: bool = False
    ) -> PatternResult:
        async with AsyncExitStack() as kept:
            try:
                envelopes = await self._reserve(ctx, inner, kept, joined=joined)
            except BudgetExceededError as error:
                missing = tuple(_left_out(voice) for voice in self.voices)
                refused = {"missing": missing, "notes": (str(error),), "refusal": Refusal.of(error)}
                return PatternResult(output="", stop_reason=StopReason.BUDGET, **refused)
            heard = await self._run_voices(ctx, inner, handoff, envelopes)
            return await self._merge(ctx, with_envelope(inner, envelopes.get(SYNTHESIS)), handoff, heard)

    @property
    def _voices_min(self) -> int:
        if self.policy.mode == "fail_fast":
            return len(self.voices)
        return self.policy.quorum if self.policy.mode == "quorum" else 1

    def _name(self, number: int) -> str:
        """Return a voice's path segment: an agent's name, or the number of a nested pattern."""
        voice = self.voices[number]
        return voice.label if isinstance(voice, Solo) else str(number + 1)

    # ------------------------------------------------------------ admission

    async def _reserve(
        self, ctx: TaskContext, inner: Services, kept: AsyncExitStack, *, joined: bool
    ) -> Mapping[str, Hold | None]:
        """Return the reservations of the voices that will run and of the synthesis, by path segment.

        A value is None where an outer fan-out has reserved the money already. A resumed run keeps the number of voices
        that its journal records, even when their money cannot be reserved again. `joined`: see `reserved`.

        Raises:
            BudgetExceededError: the money does not suffice for the fewest voices that the policy needs.
        """
        path = inner.at("admission")
        earlier = await inner.find_decision(path)
        count = len(self.voices) if earlier is None else int(earlier.data["voices"])
        if inner.envelope is not None:
            return dict.fromkeys(self._parts(ctx, inner, count))
        while True:
            parts = self._parts(ctx, inner, count)
            try:
                envelopes = await kept.enter_async_context(reserved(inner, parts, joined=joined))
            except BudgetExceededError:
                if earlier is not None:
                    return dict.fromkeys(parts)
                if count <= self._voices_min:
                    raise
                count -= 1
                continue
            if count < len(self.voices):
                await inner.record_decision(path, {"voices": count})
                left_out = ", ".join(voice.label for voice in self.voices[count:])
                inner.emit(Noted(path, f"The budget allows {count} of {len(self.voices)} voices; without {left_out}."))
            return envelopes

    def _parts(self, ctx: TaskContext, inner: Services, count: int) -> dict[str, int]:
        """Return the price bounds of the first `count` voices and of the synthesis in nano-dollars, by path segment."""
        parts = {self._name(n): voice.quote(ctx, inner).once_nusd for n, voice in enumerate(self.voices[:count])}
        if self.synthesizer:
            parts[SYNTHESIS] = inner.runner.quote(ctx, inner, agent=self.synthesizer).once_nusd
        return parts

    # ------------------------------------------------------------ voices

    async def _run_voices(
        self, ctx: TaskContext, inner: Services, handoff: Handoff, envelopes: Mapping[str, Hold | None]
    ) -> dict[str, PatternResult]:
        """Run the voices concurrently until too many have failed; return their results by path segment."""
        deadline = inner.deadline - SYNTHESIS_TIME * max(0.0, inner.left_s) if self.synthesizer else inner.deadline
        tasks: dict[str, asyncio.Task[PatternResult]] = {}
        for number, voice in enumerate(self.voices):
            name = self._name(number)
            if name in envelopes:
                segments = () if isinstance(voice, Solo) else (name,)
                place = with_envelope(inner.child(*segments, deadline=deadline, may_stream=False), envelopes[name])
                work = run_or_resume(ctx, place, voice, handoff, outcome=inner.at(name, "outcome"))
                tasks[name] = asyncio.create_task(work, name=f"{ctx.run_id} {inner.at(name)}")
        failures_max = len(tasks) - self._voices_min if self.policy.mode != "continue" else len(tasks)
        why: tuple[Any, ...] = (SIBLING_ENDED,)
        try:
            pending = set(tasks.values())
            while pending and not _is_over(tasks.values(), failures_max):
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as stopped:
            why = stopped.args[:1]
            raise
        finally:
            for task in tasks.values():
                task.cancel(*why)
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            await release_envelopes(inner, [kept for name in tasks if (kept := envelopes[name]) is not None])
        for failure in filter(None, map(_error, tasks.values())):
            raise failure
        heard = {name: result for name, task in tasks.items() if (result := _result(task)) is not None}
        waiting = [error for task in tasks.values() if (error := _parked(task)) is not None]
        if waiting and _failures(tasks.values()) <= failures_max:
            await self._park(inner, heard, waiting)
        return {name: heard.get(name) or _stopped(name, inner.meter.paid_nusd(inner.at(name))) for name in tasks}

    async def _park(
        self, inner: Services, heard: Mapping[str, PatternResult], waiting: Sequence[ParkedError]
    ) -> NoReturn:
        """Park the run until people have decided, with what this fan-out has come to so far fixed for its next owner.

        Its voices and every result that is no journalled step are decisions: a voice that was refused or timed out is
        not run and paid a second time.

        Raises:
            ParkedError: with the questions of all voices that wait.
        """
        await inner.record_decision(inner.at("admission"), {"voices": len(heard) + len(waiting)})
        for name, result in heard.items():
            await checkpoint(inner, result, outcome=inner.at(name, "outcome"))
        raise ParkedError(*(path for error in waiting for path in error.paths))

    # ------------------------------------------------------------ synthesis

    async def _merge(
        self, ctx: TaskContext, inner: Services, handoff: Handoff, heard: Mapping[str, PatternResult]
    ) -> PatternResult:
        """Return one result of all voices: their synthesis or a list, with the missing ones named."""
        pieces: list[PromptPiece] = []
        silent: list[MissingVoice] = []
        for number, voice in enumerate(self.voices):
            result = heard.get(self._name(number))
            if result is not None and result.output:
                pieces.append(PromptPiece(voice.label, result.output))
                continue
            missing = _left_out(voice) if result is None else MissingVoice(name=voice.label, reason=_why(result))
            silent.append(missing)
            pieces.append(PromptPiece(voice.label, missing=missing.reason))
        answered = [piece for piece in pieces if not piece.missing]
        listed = "\n\n".join(f"**{piece.name}**\n{piece.text}" for piece in answered)
        partial = any(result.stop_reason is not StopReason.COMPLETED for result in heard.values()) or bool(silent)
        reason = StopReason.PARTIAL if partial else StopReason.COMPLETED
        results = [result for result in heard.values() if result.output] + [
            result.model_copy(update={"missing": ()}) for result in heard.values() if not result.output
        ]
        whole = merge_results(results, output=listed, stop_reason=reason)
        whole = whole.model_copy(update={"missing": (*whole.missing, *silent)})
        if len(answered) < self._voices_min:
            return _too_few(whole, heard, answered=len(answered), needed=self._voices_min)
        if self.synthesizer is None:
            return whole
        for name, result in heard.items():
            await checkpoint(inner, result, outcome=inner.at(name, "outcome"))
        return await self._synthesis(ctx, inner, handoff.model_copy(update={"voices": tuple(pieces)}), whole)

    async def _synthesis(
        self, ctx: TaskContext, inner: Services, handoff: Handoff, whole: PatternResult
    ) -> PatternResult:
        said = (await run_agent(ctx, inner.child(SYNTHESIS), agent=self.synthesizer or "", handoff=handoff)).result
        if said.output:
            reason = said.stop_reason if said.stop_reason is not StopReason.COMPLETED else whole.stop_reason
            return merge_results((whole, said), output=said.output, stop_reason=reason)
        note = f"{self.synthesizer} could not bring the voices together ({_why(said)}); here they are one by one."
        reason = StopReason.PARTIAL if said.stop_reason is StopReason.FAILED else said.stop_reason
        result = merge_results((whole, said), output=whole.output, stop_reason=reason)
        return result.model_copy(update={"notes": (*result.notes, note)})

    def quote(self, ctx: TaskContext, services: Services) -> Quote:
        """Return the sum of the voices and the synthesis."""
        total = sum((voice.quote(ctx, services) for voice in self.voices), Quote())
        return total + services.runner.quote(ctx, services, agent=self.synthesizer) if self.synthesizer else total

    def plan(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the steps of the voices, then the synthesis, each as path and label."""
        steps: list[tuple[str, str]] = []
        for number, voice in enumerate(self.voices):
            inside = () if isinstance(voice, Solo) else (self._name(number),)
            steps += voice.plan(join(path, "broadcast", *inside))
        if self.synthesizer:
            steps.append((join(path, "broadcast", SYNTHESIS, self.synthesizer), self.synthesizer))
        return tuple(steps)


def _is_over(tasks: Iterable[asyncio.Task[PatternResult]], failures_max: int) -> bool:
    """Return whether enough voices have failed. One that waits for a person has not: the others finish meanwhile."""
    done = [task for task in tasks if task.done()]
    return any(map(_error, done)) or _failures(done) > failures_max


def _failures(tasks: Iterable[asyncio.Task[PatternResult]]) -> int:
    return sum(result is not None and not result.output for result in map(_result, tasks))


def _result(task: asyncio.Task[PatternResult]) -> PatternResult | None:
    return None if task.cancelled() or task.exception() is not None else task.result()


def _error(task: asyncio.Task[PatternResult]) -> BaseException | None:
    """Return why a voice ended that neither has a result nor waits for a person nor was stopped by us."""
    error = None if task.cancelled() else task.exception()
    return None if isinstance(error, ParkedError) else error


def _parked(task: asyncio.Task[PatternResult]) -> ParkedError | None:
    error = None if task.cancelled() else task.exception()
    return error if isinstance(error, ParkedError) else None


def _left_out(voice: Pattern) -> MissingVoice:
    return MissingVoice(name=voice.label, reason=Reason.BUDGET.clause())


def _stopped(name: str, cost_nusd: int) -> PatternResult:
    missing = MissingVoice(name=name, reason=Reason.OTHERS_FAILED.clause())
    return PatternResult(output="", stop_reason=StopReason.CANCELLED, cost_nusd=cost_nusd, missing=(missing,))


def _why(result: PatternResult) -> str:
    return "; ".join(dict.fromkeys(missing.reason for missing in result.missing)) or Reason.NO_ANSWER.clause()


def _too_few(whole: PatternResult, heard: Mapping[str, PatternResult], *, answered: int, needed: int) -> PatternResult:
    """Return the result of a fan-out without enough voices, under the limit that ended the others if one did."""
    reasons = [result.stop_reason for result in heard.values() if not result.output]
    limits = (StopReason.BUDGET, StopReason.TIMEOUT, StopReason.LIMIT)
    fallback = StopReason.PARTIAL if answered else StopReason.FAILED
    reason = next((limit for limit in limits if limit in reasons), fallback)
    heard_of = f"Only {answered} of {len(heard)} voices" if answered else "No voice"
    wanted = f"{needed} are needed" if needed > 1 else "one is needed"
    note = f"{heard_of} answered and {wanted}, so nothing was concluded."
    return whole.model_copy(update={"stop_reason": reason, "notes": (*whole.notes, note)})

"""Supervisor: a worker and a reviewer with one acceptance text, for a bounded number of rounds.

When to use it: the text must be right, and what right means can be written down. How it fails: rounds end at their cap,
early when they bring nothing new, and the best draft wins, labelled when nobody accepted it; a reviewer that fails is
never an approval. What it costs: a worker and a review per round; waiting for a person costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from patterns.agent import Quote
from patterns.context import Frozen, TaskContext
from patterns.events import PatternResult, Reviewed, StopReason
from patterns.handoff import NOTHING, Handoff
from patterns.pattern import GOES_ON, Pattern, Solo, build_on, gathered, join, run_part, say
from patterns.ports import Decision, Question
from patterns.services import Services

STALLED_ROUNDS = 2
"""So many rounds without a better score, and another one is not worth its money."""


class Criterion(Frozen):
    """What the reviewer says of one criterion: met, or the change that would meet it."""

    criterion: str
    met: bool
    change: str


class Verdict(Frozen):
    """A review. What it says counts only as far as its parts agree."""

    accepted: bool
    score: int = Field(ge=0, le=10)
    feedback: tuple[Criterion, ...]

    @property
    def is_accepted(self) -> bool:
        """Accepted, with no criterion left open."""
        return self.accepted and all(criterion.met for criterion in self.feedback)

    @property
    def asks(self) -> str:
        """What the worker has to change, a line per criterion."""
        return "\n".join(f"- {c.criterion}: {c.change}" for c in self.feedback if not c.met)


VERDICT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "feedback": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "criterion": {"type": "string"},
                    "met": {"type": "boolean"},
                    "change": {"type": "string"},
                },
                "required": ["criterion", "met", "change"],
                "additionalProperties": False,
            },
        },
        "score": {"type": "integer", "minimum": 0, "maximum": 10},
        "accepted": {"type": "boolean"},
    },
    "required": ["feedback", "score", "accepted"],
    "additionalProperties": False,
}
"""Feedback comes first, so that score and acceptance follow from it."""


@dataclass(frozen=True, slots=True)
class Round:
    """A draft with what was said of it; without a verdict it was not reviewed."""

    draft: PatternResult
    verdict: Verdict | None = None

    @property
    def rank(self) -> tuple[bool, int]:
        """Better drafts have more of it."""
        return (self.verdict.is_accepted, self.verdict.score) if self.verdict else (False, -1)


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Worker, reviewer, rounds; `human` says whether a person approves the end or comments on each round."""

    worker: Pattern
    reviewer: str
    rounds: int
    acceptance: str
    human: Literal["none", "approve", "feedback"] = "none"
    deadline_s: int = 86_400
    reminder_s: int = 14_400

    @property
    def label(self) -> str:
        """Whoever writes."""
        return self.worker.label

    async def run(self, ctx: TaskContext, services: Services, handoff: Handoff = NOTHING) -> PatternResult:
        """Write and review until it is good, no round is left, or another would bring nothing."""
        inner = services.deeper("supervisor")
        spent: list[PatternResult] = []
        best: Round | None = None
        stalled, asked = 0, ""
        given = handoff.model_copy(update={"acceptance": self.acceptance})
        for number in range(1, self.rounds + 1):
            latest = await self._round(ctx, inner, given, number, spent)
            if latest is None:
                return _ended(spent, best, reason=spent[-1].stop_reason, note="The next draft could not be written.")
            if latest.verdict is None:
                chosen = best or latest
                return _ended(spent, chosen, reason=spent[-1].stop_reason, note="Nobody reviewed the last draft.")
            stalled = 0 if best is None or latest.rank > best.rank else stalled + 1
            best = latest if best is None or latest.rank > best.rank else best
            over = latest.verdict.is_accepted or stalled >= STALLED_ROUNDS or latest.verdict.asks == asked
            over = over or number == self.rounds
            asked = latest.verdict.asks
            update = {"draft": latest.draft.output, "feedback": asked, "human": ""}
            if self.human == "feedback" or (self.human == "approve" and over):
                decision = await self._ask(inner, number, best)
                if decision.verdict in ("approve", "edit", "stop"):
                    return _decided(spent, best, decision)
                if decision.verdict == "changes":
                    if number == self.rounds:
                        return _ended(spent, best, note=f"No round is left for these changes: {decision.text}")
                    # A person's wish is the new measure: earlier drafts no longer compete.
                    update |= {"draft": best.draft.output, "human": decision.text}
                    best, stalled, asked, over = None, 0, "", False
                elif self.human == "approve":
                    return _ended(spent, best, note="Nobody approved this draft in time.")
            if over and best is not None:
                return _ended(spent, best)
            given = given.model_copy(update=update)
        return _ended(spent, best)

    async def _round(
        self, ctx: TaskContext, inner: Services, given: Handoff, number: int, spent: list[PatternResult]
    ) -> Round | None:
        """One draft and its review; None when there is no draft."""
        place = inner.child(number, may_stream=False)
        draft = await run_part(ctx, place, self.worker, given, outcome=place.at("outcome"))
        spent.append(draft)
        if not draft.output or draft.stop_reason not in GOES_ON:
            return None
        await build_on(place, draft, outcome=place.at("outcome"))
        under_review = given.model_copy(update={"draft": draft.output, "feedback": "", "human": given.human})
        said = await say(ctx, place.child("review"), agent=self.reviewer, handoff=under_review, schema=VERDICT_SCHEMA)
        spent.append(said.result)
        if said.data is None:
            return Round(draft)
        verdict = Verdict.model_validate(said.data)
        if said.result.output.strip() in draft.output:
            # A verdict that stands in the draft word for word is the draft's own, not the reviewer's.
            verdict = verdict.model_copy(update={"accepted": False, "score": 0})
        inner.emit(Reviewed(place.path, number, verdict.is_accepted, verdict.score, verdict.asks))
        return Round(draft, verdict)

    async def _ask(self, inner: Services, number: int, best: Round) -> Decision:
        """What a person says; ParkedError while nobody has said anything."""
        kind: Literal["approve", "feedback"] = "feedback" if self.human == "feedback" else "approve"
        question = Question(
            kind=kind,
            title=f"Round {number} of {self.rounds}",
            draft=best.draft.output,
            verdict=_words(best.verdict),
            round=number,
            deadline_s=self.deadline_s,
            reminder_s=self.reminder_s,
        )
        return await inner.decisions.ask(inner.fence, inner.at(number, "human"), question)

    def quote(self, ctx: TaskContext, services: Services) -> Quote:
        """A draft and a review for every round."""
        review = services.runner.quote(ctx, services, agent=self.reviewer, schema=VERDICT_SCHEMA)
        return (self.worker.quote(ctx, services) + review).times(self.rounds)

    def plan(self, path: str) -> tuple[tuple[str, str], ...]:
        """The first round; whether more follow is decided on the way."""
        first = join(path, "supervisor", 1)
        return (*self.worker.plan(first), *Solo(self.reviewer).plan(join(first, "review")))


def _words(verdict: Verdict | None) -> str:
    if verdict is None:
        return "not reviewed"
    if verdict.is_accepted:
        return f"accepted, {verdict.score} of 10"
    return f"not accepted, {verdict.score} of 10\n{verdict.asks}".strip()


def _ended(
    spent: list[PatternResult],
    best: Round | None,
    *,
    reason: StopReason = StopReason.COMPLETED,
    note: str = "",
) -> PatternResult:
    """The best draft, with what the reader must know of it."""
    whole = gathered(spent, output=best.draft.output if best else "", stop_reason=reason)
    if best is None:
        return whole
    notes = [*whole.notes, note] if note else [*whole.notes]
    if not best.rank[0]:
        notes.append(f"The reviewer did not accept this text: {_words(best.verdict)}." if best.verdict else _UNREVIEWED)
    if reason in (StopReason.COMPLETED, StopReason.FAILED):
        whole_draft = best.draft.stop_reason is StopReason.COMPLETED
        reason = StopReason.COMPLETED if best.rank[0] and whole_draft and not note else StopReason.PARTIAL
    return whole.model_copy(update={"stop_reason": reason, "notes": tuple(dict.fromkeys(notes))})


_UNREVIEWED = "This text was not reviewed; that is not an approval."


def _decided(spent: list[PatternResult], best: Round, decision: Decision) -> PatternResult:
    """A person had the last word."""
    text = decision.text if decision.verdict == "edit" else best.draft.output
    if decision.verdict == "stop":
        whole = gathered(spent, output=text, stop_reason=StopReason.REJECTED)
        return whole.model_copy(
            update={"notes": (*whole.notes, "A person stopped the review; this is the best draft.")}
        )
    return gathered(spent, output=text, stop_reason=StopReason.COMPLETED)

"""Supervisor: a worker and a reviewer with one acceptance text, for a bounded number of rounds.

When to use it: the text must meet criteria that can be written down. How it fails: rounds end at their cap, or early
when they no longer improve, and the best draft is returned, labelled when it was not accepted; a reviewer that fails is
never an approval. What it costs: a worker and a review per round; waiting for a person costs nothing. Rounds build on
each other and share one pool; within a round the worker leaves what the review of its draft costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import Field

from patterns.core.context import Frozen, TaskContext
from patterns.core.events import PatternResult, Reviewed, StopReason
from patterns.core.questions import Decision, Question
from patterns.core.quotes import Quote
from patterns.handoff import EMPTY_HANDOFF, Handoff
from patterns.pattern import USABLE_REASONS, Pattern, Solo, checkpoint, merge_results, run_agent, run_or_resume
from patterns.services import Services, join
from patterns.typical import ROUNDS

STALLED_ROUNDS = 2
"""So many rounds without a better score, and another one is not worth its money."""
EXTRA_ROUNDS_MAX = 5
"""So many times a person's wish gets a round of its own when no other is left."""


class Criterion(Frozen):
    """The review of one criterion: met, or the change that would meet it."""

    criterion: str
    met: bool
    change: str


class Verdict(Frozen):
    """A review of a draft. It accepts only when no criterion is left open."""

    accepted: bool
    score: int = Field(ge=0, le=10)
    feedback: tuple[Criterion, ...]

    @property
    def is_accepted(self) -> bool:
        """Return whether the text was accepted with no criterion left open."""
        return self.accepted and all(criterion.met for criterion in self.feedback)

    @property
    def requested_changes(self) -> str:
        """Return the changes the worker has to make, a line per criterion."""
        return "\n".join(f"- {c.criterion}: {c.change}" for c in self.feedback if not c.met)

    @property
    def summary(self) -> str:
        """Return the review as text for people: the result, then a line per criterion."""
        head = f"{'accepted' if self.is_accepted else 'not accepted'}, {self.score} of 10"
        lines = (f"✓ {c.criterion}" if c.met else f"✗ {c.criterion}: {c.change}" for c in self.feedback)
        return "\n".join([head, *lines])


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
    """A draft with its review; without a verdict it was not reviewed."""

    draft: PatternResult
    verdict: Verdict | None = None

    @property
    def rank(self) -> tuple[bool, int]:
        """Return a sort key: higher for the better draft."""
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
    approvers: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the label of the worker."""
        return self.worker.label

    async def run(self, ctx: TaskContext, services: Services, handoff: Handoff = EMPTY_HANDOFF) -> PatternResult:
        """Write and review until a draft is accepted, no round is left, or another would change nothing."""
        inner = services.nested("supervisor")
        history = _Rounds(self.rounds)
        given = handoff.model_copy(update={"acceptance": self.acceptance})
        for number in range(1, self.rounds + EXTRA_ROUNDS_MAX + 1):
            latest = await self._round(ctx, inner, given, number, history.spent)
            if latest is None or latest.verdict is None:
                return _interrupted(history, latest)
            history.add(latest, latest.verdict)
            is_last = number >= history.rounds
            over = history.is_over or is_last
            update = {"draft": latest.draft.output, "feedback": latest.verdict.requested_changes, "human": ""}
            if self.human == "feedback" or (self.human == "approve" and over):
                best = history.best or latest
                decision = await self._ask(ctx, inner, number, best)
                if decision.verdict == "changes" and number < self.rounds + EXTRA_ROUNDS_MAX:
                    update |= {"draft": best.draft.output, "human": decision.text}
                    history.restart(number)
                    over = False
                elif decision.verdict not in ("expired", "none") or self.human == "approve":
                    return _decided(history, best, decision)
            if over:
                break
            given = given.model_copy(update=update)
        return _ended(history)

    async def _round(
        self, ctx: TaskContext, inner: Services, given: Handoff, number: int, spent: list[PatternResult]
    ) -> Round | None:
        """Run one draft and its review; return None when there is no draft."""
        place = inner.child(number, may_stream=False)
        limit_nusd = self._worker_limit_nusd(ctx, inner, sum(result.cost_nusd for result in spent))
        writing = inner.child(number, limit_nusd=limit_nusd, may_stream=False)
        draft = await run_or_resume(ctx, writing, self.worker, given, outcome=place.at("outcome"))
        spent.append(draft)
        if not draft.output or draft.stop_reason not in USABLE_REASONS:
            return None
        await checkpoint(place, draft, outcome=place.at("outcome"))
        under_review = given.model_copy(update={"draft": draft.output, "feedback": "", "human": given.human})
        said = await run_agent(
            ctx, place.child("review"), agent=self.reviewer, handoff=under_review, schema=VERDICT_SCHEMA
        )
        spent.append(said.result)
        if said.data is None:
            return Round(draft)
        verdict = Verdict.model_validate(said.data)
        if said.result.output.strip() in draft.output:
            # A verdict that stands in the draft word for word is the draft's own, not the reviewer's.
            verdict = verdict.model_copy(update={"accepted": False, "score": 0})
        said_so = (verdict.is_accepted, verdict.score, verdict.requested_changes, draft.output, verdict.summary)
        inner.emit(Reviewed(place.path, number, *said_so))
        return Round(draft, verdict)

    def _worker_limit_nusd(self, ctx: TaskContext, inner: Services, spent_nusd: int) -> int:
        """Return the pool less the price of a review, but at least one draft: unreviewed is better than none."""
        left_nusd = inner.pool_nusd - spent_nusd
        review = inner.runner.quote(ctx, inner, agent=self.reviewer, schema=VERDICT_SCHEMA)
        draft = self.worker.quote(ctx, inner)
        return max(left_nusd - review.once_nusd, min(left_nusd, draft.once_nusd))

    async def _ask(self, ctx: TaskContext, inner: Services, number: int, best: Round) -> Decision:
        """Return a person's decision about the best draft; raise ParkedError while there is none."""
        kind: Literal["approve", "feedback"] = "feedback" if self.human == "feedback" else "approve"
        question = Question(
            kind=kind,
            title="The draft is ready" if best.rank[0] else "The draft so far",
            draft=best.draft.output,
            verdict=best.verdict.summary if best.verdict else "not reviewed",
            round=number,
            amount_nusd=min(self._a_round(ctx, inner).worst_nusd, inner.pool_nusd),
            deadline_s=self.deadline_s,
            reminder_s=self.reminder_s,
            approvers=self.approvers,
        )
        return await inner.decisions.ask(inner.fence, inner.at(number, "human"), question)

    def quote(self, ctx: TaskContext, services: Services) -> Quote:
        """Return a draft and a review for every round; rounds that a person asks for are priced on the review card."""
        a_round = self._a_round(ctx, services)
        usual = a_round.times(min(self.rounds, ROUNDS))
        return replace(a_round.times(self.rounds), typical_nusd=usual.typical_nusd)

    def _a_round(self, ctx: TaskContext, services: Services) -> Quote:
        review = services.runner.quote(ctx, services, agent=self.reviewer, schema=VERDICT_SCHEMA)
        return self.worker.quote(ctx, services) + review

    def plan(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the steps of the first round; whether more follow is decided on the way."""
        first = join(path, "supervisor", 1)
        return (*self.worker.plan(first), *Solo(self.reviewer).plan(join(first, "review")))


@dataclass
class _Rounds:
    """The state of the rounds so far; `rounds` is how many are allowed."""

    rounds: int
    spent: list[PatternResult] = field(default_factory=list)
    best: Round | None = None
    before: Round | None = None
    stalled: int = 0
    asked: str | None = None
    is_over: bool = False

    def add(self, latest: Round, verdict: Verdict) -> None:
        """Add a reviewed draft; end the rounds when it is accepted or when they no longer improve."""
        is_better = self.best is None or latest.rank > self.best.rank
        self.stalled = 0 if is_better else self.stalled + 1
        self.is_over = verdict.is_accepted or self.stalled >= STALLED_ROUNDS or verdict.requested_changes == self.asked
        self.best = latest if is_better else self.best
        self.asked = verdict.requested_changes

    def restart(self, number: int) -> None:
        """Restart the comparison of drafts for a person's wish, with at least one more round."""
        self.rounds = max(self.rounds, number + 1)
        self.before, self.best, self.stalled, self.asked, self.is_over = self.best, None, 0, None, False


UNREVIEWED = "This text was not reviewed; that is not an approval."


def _interrupted(history: _Rounds, latest: Round | None) -> PatternResult:
    """Return the best draft so far, or the unreviewed one, after the worker or the reviewer failed."""
    reason = history.spent[-1].stop_reason
    if latest is None:
        return _ended(history, reason=reason, note="The next draft could not be written.")
    if history.best is None:
        history.best = latest
        return _ended(history, reason=reason)
    return _ended(history, reason=reason, note="The last draft was not reviewed, so this is the best one before it.")


def _decided(history: _Rounds, best: Round, decision: Decision) -> PatternResult:
    """Return the result of a person's decision, or of a deadline that has passed."""
    if decision.verdict == "changes":
        return _ended(history, note=f"No round is left for what was asked: {decision.text}")
    if decision.verdict in ("expired", "none"):
        return _ended(history, note="Nobody approved this text in time.")
    text = decision.text if decision.verdict == "edit" else best.draft.output
    if decision.verdict in ("approve", "edit"):
        return merge_results(history.spent, output=text, stop_reason=StopReason.COMPLETED)
    whole = merge_results(history.spent, output=text, stop_reason=StopReason.REJECTED)
    return whole.model_copy(update={"notes": (*whole.notes, "A person stopped the review; this is the best draft.")})


def _ended(history: _Rounds, *, reason: StopReason = StopReason.COMPLETED, note: str = "") -> PatternResult:
    """Return the best draft with its notes; complete only when it was accepted."""
    best = history.best or history.before
    whole = merge_results(history.spent, output=best.draft.output if best else "", stop_reason=reason)
    if best is None:
        return whole
    notes = [*whole.notes, note] if note else [*whole.notes]
    if best.verdict is None:
        notes.append(UNREVIEWED)
    elif not best.verdict.is_accepted:
        notes.append(f"The reviewer did not accept this text: {best.verdict.summary}")
    if reason in (StopReason.COMPLETED, StopReason.FAILED):
        is_good = best.rank[0] and best.draft.stop_reason is StopReason.COMPLETED and not note
        reason = StopReason.COMPLETED if is_good else StopReason.PARTIAL
    update = {"stop_reason": reason, "notes": tuple(dict.fromkeys(notes)), "parts": best.draft.parts}
    return whole.model_copy(update=update)

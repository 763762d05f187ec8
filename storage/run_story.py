"""The story of one run as a value: everything stored of it, in order. What shows or replays a run reads this."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from patterns.core.money import Usage
from patterns.core.questions import Decision, Question
from patterns.core.step_record import StepRecord
from storage.run_rows import RunRow


@dataclass(frozen=True, slots=True)
class StoryCall:
    """One attempt of a step, or a reservation (`attempt` 0). Times in microseconds, amounts in nano-dollars.

    `owner_epoch` says which owner of the run made it: a new one counts its attempts from one again.
    """

    id: str
    path: str
    attempt: int
    flow: str
    agent: str
    model: str
    price_version: str
    hold_nusd: int
    state: str
    actual_nusd: int
    overrun_nusd: int
    usage: Usage | None
    reason: str
    owner_epoch: int
    opened_us: int
    closed_us: int | None

    @property
    def is_paid(self) -> bool:
        """Return whether it counts as spent, for certain or not."""
        return self.state in ("settled", "uncertain")


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One step with its attempts; `record` is None while it is unfinished. `is_forgotten`: its text was deleted.

    `call_id` is the attempt that finished it, `at_us` when it was journalled.
    """

    path: str
    calls: tuple[StoryCall, ...] = ()
    record: StepRecord | None = None
    call_id: str | None = None
    at_us: int = 0
    is_forgotten: bool = False

    @property
    def agent(self) -> str:
        """Return the agent of the step."""
        return self.record.agent if self.record else next((call.agent for call in self.calls), "")

    @property
    def model(self) -> str:
        """Return the roster's name of the model that finished it, or that was asked last."""
        last = self.calls[-1].model if self.calls else ""
        return (self.record.model or last) if self.record else last

    @property
    def started_us(self) -> int:
        """Return when it began: with its first hold, else by the time it took."""
        if self.calls:
            return min(call.opened_us for call in self.calls)
        return self.at_us - self.record.elapsed_ms * 1000 if self.record else 0

    @property
    def ended_us(self) -> int:
        """Return when it was journalled, or when its last attempt was closed."""
        return self.at_us or max((call.closed_us or call.opened_us for call in self.calls), default=0)

    @property
    def held_nusd(self) -> int:
        """Return what its attempts held, one after the other, in all."""
        return sum(call.hold_nusd for call in self.calls)

    @property
    def cost_nusd(self) -> int:
        """Return what the ledger counts for its attempts."""
        return sum(call.actual_nusd for call in self.calls if call.is_paid)

    @property
    def uncertain_nusd(self) -> int:
        """Return the part of it that no bill confirms."""
        return sum(call.actual_nusd for call in self.calls if call.state == "uncertain")

    @property
    def input_tokens(self) -> int:
        """Return the input of all attempts whose usage was told."""
        return sum(call.usage.input_tokens for call in self.calls if call.usage)

    @property
    def output_tokens(self) -> int:
        """Return the output of all attempts whose usage was told."""
        return sum(call.usage.output_tokens for call in self.calls if call.usage)


@dataclass(frozen=True, slots=True)
class StoryQuestion:
    """One question to people with its answer; `decision` and `decided_us` are None before that. Microseconds."""

    path: str
    question: Question
    decision: Decision | None
    asked_us: int
    decided_us: int | None

    @property
    def waited_us(self) -> int:
        """Return how long the run waited for the answer; 0 while it still does."""
        return max(0, self.decided_us - self.asked_us) if self.decided_us else 0


@dataclass(frozen=True, slots=True)
class RunStory:
    """A run from its request to its end. `request` and `result_json` are None when they were deleted or never came.

    `steps` are paid work, `decisions` what was decided without a call; both in the order in which they began.
    `account_nusd` is what the ledger's account of the run counts as settled and as held, None before its first hold.
    `helped` and `did_not` count the people who rated the answer, `deleted_before` the earlier requests of its thread
    whose words were deleted since.
    """

    run: RunRow
    request: str | None
    result_json: str | None
    steps: tuple[StoryStep, ...]
    decisions: tuple[StoryStep, ...]
    reservations: tuple[StoryCall, ...]
    questions: tuple[StoryQuestion, ...]
    account_nusd: tuple[int, int] | None = None
    helped: int = 0
    did_not: int = 0
    deleted_before: int = 0

    @property
    def calls(self) -> tuple[StoryCall, ...]:
        """Return every attempt, in order."""
        return tuple(sorted((call for step in self.steps for call in step.calls), key=lambda call: call.opened_us))

    @property
    def cost_nusd(self) -> int:
        """Return what the run cost by its calls."""
        return sum(step.cost_nusd for step in self.steps)

    @property
    def uncertain_nusd(self) -> int:
        """Return the part of it that no bill confirms."""
        return sum(step.uncertain_nusd for step in self.steps)

    @property
    def waited_us(self) -> int:
        """Return how long it waited for people; questions that overlap count once."""
        total, until = 0, 0
        for asked in sorted(self.questions, key=lambda one: one.asked_us):
            end = asked.asked_us + asked.waited_us
            total += max(0, end - max(asked.asked_us, until))
            until = max(until, end)
        return total

    @property
    def forgotten(self) -> tuple[str, ...]:
        """Return the paths of steps and decisions whose text was deleted; `request` stands for the request itself."""
        gone = tuple(step.path for step in (*self.decisions, *self.steps) if step.is_forgotten)
        return (*(("request",) if self.request is None else ()), *gone)

    def decision(self, path: str) -> StepRecord | None:
        """Return what was decided under a path; None when nothing was."""
        return next((step.record for step in self.decisions if step.path == path), None)

    def step(self, path: str) -> StoryStep | None:
        """Return the step of a path; None when there is none."""
        return next((step for step in self.steps if step.path == path), None)


def steps_of(records: Iterable[StoryStep], calls: Iterable[StoryCall]) -> tuple[StoryStep, ...]:
    """Return the steps with their attempts, in the order in which they began; unfinished ones have no record.

    The turn in which an agent with tools gives its answer has no record of its own: its attempts are the step's.
    """
    finished = {step.path: step for step in records}

    def home(call: StoryCall) -> str:
        whole, _turn, number = call.path.rpartition("/turn/")
        return whole if call.path not in finished and whole in finished and number.isdigit() else call.path

    attempts = sorted(
        (call for call in calls if call.attempt), key=lambda call: (home(call), call.opened_us, call.attempt)
    )
    by_path = {path: tuple(group) for path, group in groupby(attempts, key=home)}
    found = [
        StoryStep(path, by_path.get(path, ()), known.record, known.call_id, known.at_us, known.is_forgotten)
        for path, known in finished.items()
    ]
    found += [StoryStep(path, group) for path, group in by_path.items() if path not in finished]
    return tuple(sorted(found, key=lambda step: (step.started_us, step.path)))

"""The events of a run, emitted once; progress, logs and traces subscribe to them."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from patterns.core.context import Frozen
from patterns.core.errors import BudgetExceededError
from patterns.core.money import Usage
from patterns.core.quotes import PriceEstimate
from patterns.core.reasons import Reason


class StopReason(StrEnum):
    """How a run, or a pattern inside it, ended."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    BUDGET = "budget"
    LIMIT = "limit"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    FAILED = "failed"


class MissingVoice(Frozen):
    """A part of the work that is not in the answer, with the reason as a phrase for the reader."""

    name: str
    reason: str


class FinishedText(Frozen):
    """A text that a finished part of the work left, under its name."""

    name: str
    text: str


_MONTHLY = frozenset({"workspace", "channel", "dm", "user"})


class Refusal(Frozen):
    """A refused hold: the kind of the account, what was needed in nano-dollars, and why if not for amounts."""

    kind: str
    needed_nusd: int
    blocked: Reason | None = None

    @classmethod
    def of(cls, error: BudgetExceededError) -> "Refusal":
        """Return the refusal that an error reports."""
        return cls(kind=error.kind, needed_nusd=error.needed_nusd, blocked=error.blocked)

    @property
    def is_monthly(self) -> bool:
        """Return whether a monthly account refused, not a limit of the run or of a stage."""
        return self.kind in _MONTHLY

    @property
    def can_be_granted(self) -> bool:
        """Return whether more budget would help: a monthly account refused, and because of amounts."""
        return self.is_monthly and self.blocked is None


class PatternResult(Frozen):
    """The result of a pattern: text, how it ended, and what it cost. A failure is a value here, never prompt text.

    `steps` counts paid steps, `cost_nusd` is settled money in nano-dollars. `notes` are sentences the reader must see
    (a cut answer, a limit reached, a draft that was not approved). `parts` are the texts that unfinished work has
    left, for a closing summary. `refusal` is the refused hold that a grant could mend, else the last one; it is never
    serialised, because a resumed run would ask for money that has been granted since.
    """

    output: str
    stop_reason: StopReason
    steps: int = 0
    cost_nusd: int = 0
    missing: tuple[MissingVoice, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[FinishedText, ...] = ()
    refusal: Refusal | None = Field(default=None, exclude=True)


@dataclass(frozen=True, slots=True)
class Routed:
    """The Router, or a person, chose what runs."""

    flow: str
    agents: tuple[str, ...]
    confidence: float
    reason: str
    chosen_by: str
    """`person`, `router` or `default`."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The pattern tree is fixed.

    `paths` are the steps people will see, in order, each with its label.
    """

    title: str
    price: PriceEstimate
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """An agent started a named step."""

    path: str
    agent: str


@dataclass(frozen=True, slots=True)
class StepRetried:
    """An attempt failed, or was not made, and another one or a fallback model follows. `reason` is one of `Reason`.

    `since` is the moment since when a provider has been failing, in words, where that is the reason.
    """

    path: str
    agent: str
    reason: str
    next_model: str
    since: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the final step's answer, in order. Only a step that nothing validates may stream."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class TextWithdrawn:
    """Every piece so far was thinking, as a closing tag behind it told: take it away, the answer begins now."""

    path: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step is settled and journalled. `replayed` means it came from the journal and cost nothing now.

    `reason` is a value of `Reason` when the step failed, else empty.
    """

    path: str
    agent: str
    model: str
    ok: bool
    reason: str
    usage: Usage | None
    cost_nusd: int
    elapsed_ms: int
    replayed: bool
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One round of a supervisor: the review of the draft, criterion by criterion in `verdict`."""

    path: str
    round: int
    accepted: bool
    score: int
    feedback: str
    draft: str = ""
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """A decision about the run worth showing: fewer voices, a cut text, a limit near."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """An agent calls a tool, the `number`th time in its step; `acts` where that can change something outside."""

    path: str
    agent: str
    tool: str
    number: int
    acts: bool = False


RunEvent = (
    Routed
    | Planned
    | StepStarted
    | StepRetried
    | TextDelta
    | TextWithdrawn
    | StepFinished
    | Reviewed
    | Noted
    | ToolCalled
)

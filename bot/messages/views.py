"""Views of a run, as frozen values: runs fill them, `renderer` turns them into Slack messages.

Every text in here is raw (what a person or a model wrote); only the renderer escapes. Money is integer nano-dollars,
durations are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal

from patterns.core.events import MissingVoice, PatternResult
from patterns.core.quotes import PriceEstimate
from patterns.core.reasons import Remedy
from patterns.core.tools import Source


class View:
    """What one message shows. `template` names its layout in `templates/messages`."""

    __slots__ = ()
    template: ClassVar[str]


class PrivateView(View):
    """A view that may be shown to only the person who acted."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """One message in Slack's form: blocks, and the text that notifications and old clients show instead.

    `text` is mrkdwn, already escaped, and says the same as the blocks.
    """

    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A Slack user: shown by name where a ping is not needed, mentioned where the person must act."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class BalanceView:
    """One account's month. `name` is its name for people: `#platform`, `your direct messages`.

    `is_secret` keeps its numbers from whoever reads it: guests and people of other organisations may be among them.
    """

    name: str
    limit_nusd: int
    settled_nusd: int
    held_nusd: int
    resets_on: str
    """The day the next month starts in the account's zone: `1 Dec`."""
    held_runs: int = 0
    is_secret: bool = False

    @property
    def free_nusd(self) -> int:
        """Return the nano-dollars that can still be held, never below zero."""
        return max(0, self.limit_nusd - self.settled_nusd - self.held_nusd)


class RunState(StrEnum):
    """The state of a request, as shown in the root message."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    PARTIAL = "partial"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Return True while a person can still stop it."""
        return self in {RunState.QUEUED, RunState.RUNNING, RunState.WAITING}


@dataclass(frozen=True, slots=True)
class RunView(View):
    """One request, for the root message and the head of the plan.

    `flow` is empty until it is chosen. `model_note` says which model answers (`gpt-5-mini answers`); `scripted` is the
    tour, where no model runs at all. A `dry` run calls no tool that acts. `material` says
    what was read besides the request, `left_out` what was not.
    """

    template: ClassVar = "root"
    run_id: str
    channel: str
    asker: Person
    request: str
    state: RunState
    thread_ts: str = ""
    flow: str = ""
    agents: tuple[str, ...] = ()
    outcome_line: str = ""
    price: PriceEstimate | None = None
    balance: BalanceView | None = None
    model_note: str = ""
    play_money: bool = False
    scripted: bool = False
    material: str = ""
    left_out: str = ""
    dry: bool = False


class StepState(StrEnum):
    """The state of a step."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class StepView:
    """One named step of a run. `note` mentions a retry, a fallback or a failure."""

    path: str
    label: str
    state: StepState = StepState.WAITING
    agent: str = ""
    elapsed_s: float = 0.0
    cost_nusd: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class ProgressView(View):
    """Plan and progress in one message. Collapses to a line once the run is closed.

    `elapsed_s` is executing time, `cost_nusd` what is settled so far.
    """

    template: ClassVar = "progress"
    run: RunView
    steps: tuple[StepView, ...] = ()
    notes: tuple[str, ...] = ()
    elapsed_s: float = 0.0
    cost_nusd: int = 0


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A call that an agent made earlier in a step, with its result as its tool wrote it; empty where it is private."""

    tool: str
    result: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class WouldCall:
    """A call that a dry run left out: of which agent, with which arguments, at which price."""

    agent: str
    tool: str
    arguments: str = ""
    price_nusd: int = 0


@dataclass(frozen=True, slots=True)
class AnswerView:
    """The end of a run. Its reason and the failed agents come from `result`.

    `owner` is who can grant budget, `grant_nusd` how much the rest needs. `uncertain_nusd` was counted without knowing
    whether the provider billed it. `refused_by` is the kind of account without enough budget, `closed` why it refused
    when amounts are not the reason. `mention_asker` is for runs long enough that nobody watches any more. With
    `is_above` the text is in the thread already, and only how it ended is said. `remedies` are what can be done about
    an ending that is less than an answer. `sources` is what was looked up, where agents `had_tools` to do so;
    `would_call` is what a dry run left out.
    """

    run: RunView
    result: PatternResult
    seconds: float
    agents_count: int
    steps_done: int = 0
    steps_total: int = 0
    uncertain_nusd: int = 0
    owner: Person | None = None
    grant_nusd: int = 0
    mention_asker: bool = False
    is_above: bool = False
    refused_by: str = ""
    closed: str = ""
    remedies: tuple[Remedy, ...] = ()
    sources: tuple[Source, ...] = ()
    had_tools: bool = False
    would_call: tuple[WouldCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one model, or one tool, used in a run."""

    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    is_tool: bool = False
    cached_tokens: int = 0
    """Input tokens that the provider read from its cache, at the price of that."""


Ended = Literal["", "failed", "not made", "unknown", "said done", "dry run"]
"""How a call of a tool ended, where it did not simply answer."""


@dataclass(frozen=True, slots=True)
class ToolCallLine:
    """One call of a tool as Details shows it. `ended` is empty where it answered, else how it did not."""

    agent: str
    tool: str
    arguments: str = ""
    elapsed_s: float = 0.0
    bytes_read: int = 0
    cost_nusd: int = 0
    approved_by: str = ""
    ended: Ended = ""


@dataclass(frozen=True, slots=True)
class DetailsView(PrivateView):
    """The content behind the private Details button: everything that an answer's one line leaves out."""

    template: ClassVar = "details"
    run: RunView
    seconds: float
    cost_nusd: int
    models: tuple[ModelUse, ...] = ()
    steps: tuple[StepView, ...] = ()
    calls: tuple[ToolCallLine, ...] = ()
    missing: tuple[MissingVoice, ...] = ()
    uncertain_nusd: int = 0
    owner: Person | None = None

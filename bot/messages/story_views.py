"""The story of a run as people read it: frozen values with raw text, the same for Slack, a shell and a page."""

from dataclasses import dataclass
from typing import ClassVar

from bot.messages.views import Person, PrivateView, RunState, StepState
from patterns.core.events import MissingVoice
from patterns.core.quotes import PriceEstimate


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt of a step: what it held and cost, and how it ended. `owner` counts the processes that had the run."""

    model: str
    number: int
    owner: int
    held_nusd: int
    cost_nusd: int
    is_uncertain: bool
    input_tokens: int
    output_tokens: int
    seconds: float
    ended: str


@dataclass(frozen=True, slots=True)
class StepTexts:
    """What an agent was given and what it said. The notes say why a text is missing; both empty: all of it is here."""

    prompt: tuple[tuple[str, str], ...] = ()
    """(role, text) in order."""
    prompt_note: str = ""
    output: str = ""
    output_note: str = ""


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step. `start_s` counts from the run's first step, without the time in which nothing ran.

    `cost_nusd` includes `uncertain_nusd`, which no bill confirms. `texts` is None for readers who do not see them.
    """

    path: str
    label: str
    agent: str
    model: str
    state: StepState
    start_s: float
    seconds: float
    held_nusd: int
    cost_nusd: int
    uncertain_nusd: int
    input_tokens: int
    output_tokens: int
    ended: str
    attempts: tuple[AttemptLine, ...] = ()
    texts: StepTexts | None = None
    is_tool: bool = False
    """It is the call of a tool, which has no tokens."""


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A question to people with its answer, and how long the run waited. `start_s` is its place among the steps."""

    what: str
    said: str
    waited_s: float
    start_s: float
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class RouteLine:
    """What was chosen, by whom (`person`, `router` or `default`), with the reason it gave and how sure it was.

    Chosen by `hand`: a shell command made the calls without a plan, and `reason` says which; by nobody: not yet.
    """

    title: str
    chosen_by: str
    reason: str = ""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class StoryView(PrivateView):
    """A whole run. `seconds` is working time, `waited_s` waiting for people, `queued_s` the time before it began.

    `diagram` draws the plan, line by line. `has_texts` says whether prompts and answers of the steps may be shown.
    """

    template: ClassVar = "story"
    run_id: str
    asker: Person
    place: str
    when: str
    request: str
    state: RunState
    route: RouteLine | None = None
    price: PriceEstimate | None = None
    diagram: tuple[str, ...] = ()
    steps: tuple[StepLine, ...] = ()
    decisions: tuple[DecisionLine, ...] = ()
    seconds: float = 0.0
    waited_s: float = 0.0
    queued_s: float = 0.0
    held_nusd: int = 0
    cost_nusd: int = 0
    uncertain_nusd: int = 0
    helped: int = 0
    did_not: int = 0
    ended: str = ""
    answer: str = ""
    notes: tuple[str, ...] = ()
    missing: tuple[MissingVoice, ...] = ()
    owners: int = 1
    """How many processes worked on it, one after the other because the one before was gone."""
    has_texts: bool = False
    play_money: bool = False
    dry: bool = False

    @property
    def tokens(self) -> int:
        """Return the tokens of all steps, in and out."""
        return sum(step.input_tokens + step.output_tokens for step in self.steps)

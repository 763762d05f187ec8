"""What a client of the MCP server can ask for, whoever carries it out: a shell, or the bot in a channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from patterns.core.context import Frozen
from patterns.core.events import StopReason
from patterns.core.money import NUSD_PER_USD
from patterns.core.step_record import StepRecord
from patterns.tools.sources import sources_of

State = Literal["waiting", "working", "asking", "answered", "partly answered", "stopped", "failed", "refused"]
_STATES: dict[StopReason, State] = {
    StopReason.COMPLETED: "answered",
    StopReason.CANCELLED: "stopped",
    StopReason.FAILED: "failed",
}


class Flow(Frozen):
    """A flow that can be asked for; prices in dollars, None where it may not be used or has none."""

    name: str
    description: str
    about_usd: float | None = None
    at_most_usd: float | None = None


class Estimate(Frozen):
    """What a request would cost, in dollars: what is expected, and the most it can come to."""

    flow: str
    about_usd: float
    at_most_usd: float
    fits_the_budget: bool


class Balance(Frozen):
    """The month that pays, in dollars. What is held is for calls that are under way."""

    account: str
    limit_usd: float
    spent_usd: float
    held_usd: float
    free_usd: float
    resets_on: str


class ReadSource(Frozen):
    """Something that was read for the answer."""

    title: str
    url: str = ""


class LeftOut(Frozen):
    """A call that a dry run did not make. `arguments` were written by a model; the price is in dollars."""

    tool: str
    arguments: str = ""
    price_usd: float = 0.0


class Status(Frozen):
    """A request and how far it is. `answer` is the agents' text: untrusted, like everything a model writes.

    `question` is what a person has to decide before it goes on, and where; `would_call` is what a dry run left out.
    """

    run_id: str
    state: State
    flow: str = ""
    dry_run: bool = False
    answer: str = ""
    notes: tuple[str, ...] = ()
    question: str = ""
    sources: tuple[ReadSource, ...] = ()
    would_call: tuple[LeftOut, ...] = ()
    cost_usd: float = 0.0
    seconds: float = 0.0
    steps_done: int = 0

    @property
    def is_over(self) -> bool:
        """Return whether nothing more will come of it."""
        return self.state not in ("waiting", "working", "asking")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks: `key` is its own idempotency key, the same request for the same key.

    A `dry` one calls no tool that acts.
    """

    text: str
    key: str
    flow: str = ""
    agents: tuple[str, ...] = ()
    at_most_usd: float | None = None
    dry: bool = False


class Desk(Protocol):
    """The port to whoever carries requests out. Every method raises UserError with a sentence for the client."""

    async def flows(self) -> list[Flow]:
        """Return what can be asked for here, with its price."""
        ...

    async def estimate(self, request: Request) -> Estimate:
        """Return what a request would cost; nothing is stored, held or sent."""
        ...

    async def ask(self, request: Request) -> Status:
        """Accept a request and return at once."""
        ...

    async def status(self, run_id: str) -> Status:
        """Return how far a request is."""
        ...

    async def stop(self, run_id: str) -> Status:
        """Stop a request, and return how far it is: what is finished is kept and paid."""
        ...

    async def balance(self) -> Balance:
        """Return the month that pays."""
        ...


def usd(nusd: int) -> float:
    """Return nano-dollars as dollars."""
    return nusd / NUSD_PER_USD


def state_of(stop_reason: StopReason, *, has_answer: bool, was_refused: bool) -> State:
    """Return how a finished request ended, as one word."""
    if was_refused:
        return "refused"
    return _STATES.get(stop_reason, "partly answered" if has_answer else "failed")


def read_sources(journal: Sequence[StepRecord]) -> tuple[ReadSource, ...]:
    """Return what was read for an answer, by the journal of its run."""
    return tuple(ReadSource(title=one.title, url=one.url) for one in sources_of(journal))


GONE = "Its words were deleted."
NO_RUN = "There is no such request of yours here."

"""What a run is opened with, and what stopping returns."""

from dataclasses import asdict, dataclass
from typing import Any

from bot.commands.commands import Ask
from bot.commands.origin import ChannelKind, Origin
from patterns.core.holds import Payer
from patterns.flow import Choice
from patterns.tools.resources import resources_named
from storage.run_rows import DRY, RESOURCES


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request that passed authorization, not yet the budget.

    The idempotency key of `origin` makes a second delivery the same run. Its `thread_ts` None opens a new thread: under
    `message_ts` when the person wrote a message, else under a root message of ours. `forced_here` says that the person
    chose this place in the form or by a button, `may_queue` that it may wait for budget others hold. `sees_workspace`
    says whether the person may read what is left of the workspace's month. `again_of` is the finished run whose request
    this repeats, once; `root_ts` the message of ours that showed that one. A `dry` one calls no tool that acts. The
    text is raw, unescaped.
    """

    origin: Origin
    kind: ChannelKind
    text: str
    flow: str | None = None
    agents: tuple[str, ...] = ()
    dry: bool = False
    forced_here: bool = False
    may_queue: bool = False
    sees_workspace: bool = True
    again_of: str = ""
    root_ts: str = ""

    @property
    def key(self) -> str:
        """Return the idempotency key of the run."""
        if self.again_of:
            return f"{self.origin.delivery_key}:again:{self.again_of}"
        # Asked again elsewhere because we could not post in the first place, it is another run.
        return f"{self.origin.delivery_key}:here" if self.forced_here else self.origin.delivery_key

    @property
    def options(self) -> dict[str, Any]:
        """Return what the run keeps of it beside text and place."""
        origin = self.origin
        return {
            "flow": self.flow,
            "agents": list(self.agents),
            "message_ts": origin.message_ts,
            "response_url": origin.response_url,
            "delivery_key": origin.delivery_key,
            "attached": asdict(origin.attached),
            **({DRY: True} if self.dry else {}),
            **({RESOURCES: list(named)} if (named := resources_named(self.text)) else {}),
            **({"again_of": self.again_of, "root_ts": self.root_ts} if self.again_of else {}),
        }

    @property
    def payer(self) -> Payer:
        """Return the account that pays for it."""
        return self.origin.payer(self.kind)

    @property
    def choice(self) -> Choice:
        """Return what the person chose; the Router decides the rest."""
        return Choice(flow=self.flow, agents=self.agents, dry=self.dry)


@dataclass(frozen=True, slots=True)
class RepeatedRequest:
    """A finished run's request, to be asked again by another person or the same; fields as in `RunRequest`."""

    ask: Ask
    origin: Origin
    run_id: str
    root_ts: str = ""


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """The result of a stop. `text` is the sentence for the person, naming the runs that end."""

    stopped: tuple[str, ...]
    text: str

"""What a run is opened with, and what stopping returns."""

from dataclasses import dataclass

from bot.commands.origin import ChannelKind, Origin
from patterns.core.ports import Payer


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request that passed authorization, not yet the budget.

    The idempotency key of `origin` makes a second delivery the same run. Its `thread_ts` None opens a new thread: under
    `message_ts` when the person wrote a message, else under a root message of ours. `forced_here` says that the person
    chose this place in the form or by a button, `may_queue` that it may wait for budget others hold. `sees_workspace`
    says whether the person may read what is left of the workspace's month. The text is raw, unescaped.
    """

    origin: Origin
    kind: ChannelKind
    text: str
    flow: str | None = None
    agents: tuple[str, ...] = ()
    forced_here: bool = False
    may_queue: bool = False
    sees_workspace: bool = True

    @property
    def payer(self) -> Payer:
        """Return the account that pays for it."""
        return self.origin.payer(self.kind)


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """The result of a stop. `text` is the sentence for the person, naming the runs that end."""

    stopped: tuple[str, ...]
    text: str

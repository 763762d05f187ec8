"""What a run is opened with, and what stopping returns."""

from dataclasses import dataclass, field

from bot.commands.origin import AttachmentRefs, ChannelKind


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request that passed authorization, not yet the budget.

    `delivery_key` is the idempotency key: a second delivery is the same run. `thread_ts` None opens a new thread: under
    `message_ts` when the person wrote a message, else under a root message of ours. `forced_here` says that the person
    chose this place in the form or by a button, `may_queue` that it may wait for budget others hold. The text is raw,
    unescaped.
    """

    delivery_key: str
    workspace: str
    channel: str
    channel_kind: ChannelKind
    user: str
    text: str
    flow: str | None = None
    agents: tuple[str, ...] = ()
    thread_ts: str | None = None
    message_ts: str | None = None
    response_url: str | None = None
    forced_here: bool = False
    may_queue: bool = False
    attached: AttachmentRefs = field(default_factory=AttachmentRefs)


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """The result of a stop. `text` is the sentence for the person, naming the runs that end."""

    stopped: tuple[str, ...]
    text: str

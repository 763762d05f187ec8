"""Where a request came from: workspace, channel, thread, user and attachments."""

from dataclasses import dataclass, field
from typing import Literal

from patterns.core.holds import Payer

ChannelKind = Literal["channel", "dm"]


@dataclass(frozen=True, slots=True)
class AttachmentRefs:
    """References to what came with a request besides its text; `bot.threads.attachments` reads the contents.

    `files` are Slack file ids. `may_have_more` says that Slack omits files from this kind of event. `about` is the
    idempotency key of the message on which our shortcut was used.
    """

    files: tuple[str, ...] = ()
    may_have_more: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was said or clicked, and by whom, so that the reply goes back there.

    `thread_ts` is the thread it was said in (None at the top of a channel and for slash commands), `message_ts` the
    message itself. `response_url` is good for 30 minutes and five answers. `trigger_id` opens one form within 3 s.
    `is_claimed` says that the channel comes from a form or a button, which the client sent: it proves nothing.
    """

    delivery_key: str
    workspace: str
    channel: str
    user: str
    thread_ts: str | None = None
    message_ts: str | None = None
    response_url: str | None = None
    trigger_id: str | None = None
    attached: AttachmentRefs = field(default_factory=AttachmentRefs)
    is_claimed: bool = False

    def payer(self, kind: ChannelKind) -> Payer:
        """Return the account that pays here, in a conversation of that kind."""
        return Payer(self.workspace, self.channel, kind, self.user)


def message_key(workspace: str, channel: str, ts: str) -> str:
    """Return a message's idempotency key: app_mention and message events of one posting are one request."""
    return f"message:{workspace}:{channel}:{ts}"

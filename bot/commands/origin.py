"""Split off bot/requests.py."""

from dataclasses import dataclass, field
from typing import Literal

ChannelKind = Literal["channel", "dm"]


@dataclass(frozen=True, slots=True)
class AttachmentRefs:
    """What came with a request besides its words, as Slack described it; reading it is `bot.threads.attachments`'s.

    `files` are Slack's ids of files. `may_have_more` says that Slack left files out of this kind of event. `about` is
    the delivery key of a message somebody pointed at with our shortcut.
    """

    files: tuple[str, ...] = ()
    may_have_more: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was said or clicked, so that the answer finds the person again.

    `thread_ts` is the thread it was said in (None at the top of a channel and for slash commands), `message_ts` the
    message itself. `response_url` is good for 30 minutes and five answers. `trigger_id` opens one form within 3 s.
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


def message_key(workspace: str, channel: str, ts: str) -> str:
    """The key of a message: app_mention and message of one posting arrive under two event ids and are one request."""
    return f"message:{workspace}:{channel}:{ts}"

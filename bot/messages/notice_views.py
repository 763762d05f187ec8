"""Short notices, in the thread or private, as frozen values with raw text."""

from dataclasses import dataclass
from typing import Literal

from bot.messages.views import Person, RunState


@dataclass(frozen=True, slots=True)
class CallView:
    """A call to a person who must act; without one it is for everyone there."""

    who: Person | None
    text: str


@dataclass(frozen=True, slots=True)
class NearMissView:
    """A probable typo. `key` names the kept text, because a button's value holds only 2,000 characters."""

    word: str
    suggestion: str
    key: str


@dataclass(frozen=True, slots=True)
class QueuedView:
    """A request whose thread is busy with another: queued, started, or stopped before it began."""

    run_id: str
    state: RunState


@dataclass(frozen=True, slots=True)
class EditedView:
    """An edit of a request that had already begun; the new text is kept under `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class InviteView:
    """A conversation where we cannot post; the request is kept under `key`."""

    key: str
    bot_name: str = "agents"


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A sentence or two: an error, an acknowledgement, a private hint. `code` finds the details in the log."""

    text: str
    tone: Literal["info", "warning", "error"] = "info"
    code: str = ""

"""The short words people are told, in the thread or privately, as frozen values with raw text."""

from dataclasses import dataclass
from typing import Literal

from bot.messages.views import Person, RunState


@dataclass(frozen=True, slots=True)
class CallView:
    """A word to somebody who must act; without one it is for everybody there."""

    who: Person | None
    text: str


@dataclass(frozen=True, slots=True)
class NearMissView:
    """A word that looks like a command. `key` names the kept text, because a button holds only 2,000 characters."""

    word: str
    suggestion: str
    key: str


@dataclass(frozen=True, slots=True)
class QueuedView:
    """A request in a thread that is busy with another: in line, its turn, or stopped before it began."""

    run_id: str
    state: RunState


@dataclass(frozen=True, slots=True)
class EditedView:
    """Somebody changed the words of a request after it had begun; the new ones are kept under `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class InviteView:
    """We cannot post there; the request is kept under `key`."""

    key: str
    bot_name: str = "agents"


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A sentence or two: an error, an acknowledgement, a private hint. `code` finds the details in the log."""

    text: str
    tone: Literal["info", "warning", "error"] = "info"
    code: str = ""

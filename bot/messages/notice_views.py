"""Short notices, in the thread or private, as frozen values with raw text."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.messages.views import Person, PrivateView, RunState, View


@dataclass(frozen=True, slots=True)
class CallView(View):
    """A call to people who must act; without any it is for everyone there."""

    template: ClassVar = "call"
    who: tuple[Person, ...]
    text: str


@dataclass(frozen=True, slots=True)
class HelpCallView(PrivateView):
    """A person's call for help, to those who can: where it happened, with a link, and what is wrong in sentences.

    `code` finds it in the log; empty where nothing was started.
    """

    template: ClassVar = "help_call"
    asker: Person
    place: str
    causes: tuple[str, ...]
    link: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class NearMissView(PrivateView):
    """A probable typo. `key` names the kept text, because a button's value holds only 2,000 characters."""

    template: ClassVar = "near_miss"
    word: str
    suggestion: str
    key: str


@dataclass(frozen=True, slots=True)
class UnclearReplyView(PrivateView):
    """A reply that may approve a draft or change it. `key` names the kept reply, `question` is the draft's path."""

    template: ClassVar = "unclear_reply"
    run_id: str
    question: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class QueuedView(View):
    """A request whose thread is busy with `ahead` others: queued, started, or stopped before it began."""

    template: ClassVar = "queued"
    run_id: str
    state: RunState
    ahead: int = 1


@dataclass(frozen=True, slots=True)
class EditedView(PrivateView):
    """An edit of a request that had already begun; the new text is kept under `key`."""

    template: ClassVar = "edited"
    key: str


@dataclass(frozen=True, slots=True)
class InviteView(PrivateView):
    """A conversation where we cannot post; the request is kept under `key`."""

    template: ClassVar = "invite"
    key: str
    bot_name: str = "agents"


@dataclass(frozen=True, slots=True)
class NoticeView(PrivateView):
    """A sentence or two: an error, an acknowledgement, a private hint. `code` finds the details in the log.

    `key` names the kept request that an admin's help would let begin, `retry_key` one that can only be asked again.
    """

    template: ClassVar = "notice"
    text: str
    tone: Literal["info", "warning", "error"] = "info"
    code: str = ""
    key: str = ""
    retry_key: str = ""

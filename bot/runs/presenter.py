"""Where a run shows itself: `bot.threads.presenter` for threads of Slack, `bot.cli.terminal` for a shell."""

from typing import Protocol

from bot.commands.origin import Origin
from bot.messages.notice_views import NoticeView
from bot.messages.private_view import PrivateView
from bot.runs.outcome import RunOutcome
from patterns.core.ports import EventSink, Question
from storage.outbox import Outbox
from storage.run_rows import RunRow


class RunPresenter(Protocol):
    """What the executor needs of it."""

    @property
    def board(self) -> EventSink:
        """Who hears what happens in the run."""
        ...

    @property
    def outbox(self) -> Outbox:
        """The names of the messages that tell its ending."""
        ...

    def may_stream(self, run: RunRow) -> bool:
        """Whether it can show an answer that is still being written."""
        ...

    async def begin(self, run: RunRow) -> RunRow:
        """Show that it works. Returns the run with its place; SlackError when there is none."""
        ...

    def release(self, run: RunRow) -> None:
        """Show nothing more: the run goes on elsewhere."""
        ...

    async def is_shown(self, run: RunRow) -> bool:
        """Whether anything of it was shown, so that somebody waits to hear how it ended."""
        ...

    async def ask(self, run: RunRow, path: str, question: Question) -> None:
        """Show what it waits for."""
        ...

    async def count(self, run: RunRow, ending: RunOutcome) -> int:
        """How many messages its ending takes."""
        ...

    async def finish(self, run: RunRow, ending: RunOutcome) -> None:
        """Post what is still owed of its ending; SlackError when that has to wait."""
        ...


class PrivateNotifier(Protocol):
    """The way to one person: rendering and posting, private as Slack allows."""

    async def private(self, to: Origin, view: PrivateView) -> None:
        """Show it to the person only: by response_url, else as an ephemeral, or plainly in our direct messages."""
        ...


class Notifier(PrivateNotifier, Protocol):
    """The way to people."""

    async def public(self, to: Origin, view: NoticeView) -> None:
        """Tell everybody there; where we cannot post, the person, and that the others do not know."""
        ...

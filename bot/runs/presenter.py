"""The port through which a run shows itself: `bot.threads.presenter` in Slack, `bot.cli.terminal` in a shell."""

from collections.abc import Sequence, Sized
from typing import Protocol

from bot.commands.origin import Origin
from bot.messages.notice_views import NoticeView
from bot.messages.views import PrivateView
from bot.runs.outcome import RunOutcome
from patterns.core.ports import EventSink
from storage.outbox import Outbox
from storage.questions import StoredQuestion
from storage.run_rows import RunRow

Rendered = Sized
"""An outcome's messages, in a form that only the presenter knows; others may count them."""


class RunPresenter(Protocol):
    """What the executor needs to show a run."""

    @property
    def progress(self) -> EventSink:
        """Return the sink of the run's events."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Return the transactional outbox of its messages."""
        ...

    def may_stream(self, run: RunRow) -> bool:
        """Return True when an unfinished answer can be shown while it is generated."""
        ...

    async def begin(self, run: RunRow) -> RunRow:
        """Show that the run works; return it with its place. Raise SlackError when there is none."""
        ...

    def release(self, run: RunRow) -> None:
        """Stop showing the run: it continues elsewhere."""
        ...

    async def is_shown(self, run: RunRow) -> bool:
        """Return True when anything of the run was shown, so that a person expects an outcome."""
        ...

    async def ask(self, run: RunRow, asked: Sequence[StoredQuestion]) -> None:
        """Show the questions the run waits for; `asked` are all of it, oldest first, those decided among them."""
        ...

    async def render(self, run: RunRow, outcome: RunOutcome) -> Rendered:
        """Return the messages of the outcome, whose number is recorded before the first is posted."""
        ...

    async def finish(self, run: RunRow, outcome: RunOutcome, rendered: Rendered | None = None) -> None:
        """Post what is still owed of the outcome, as rendered or anew; raise SlackError when that has to wait."""
        ...


class PrivateNotifier(Protocol):
    """Sends rendered views to one person, as privately as Slack allows."""

    async def private(self, to: Origin, view: PrivateView) -> None:
        """Show a view to one person: by response_url, else as an ephemeral message, else in our direct messages."""
        ...


class Notifier(PrivateNotifier, Protocol):
    """Sends notices to people."""

    async def react(self, to: Origin, emoji: str) -> None:
        """Put a reaction on the person's message; without the optional scope for it, nothing happens."""
        ...

    async def public(self, to: Origin, view: NoticeView) -> None:
        """Post a notice in the conversation; where that is impossible, tell the person that nobody else saw it."""
        ...

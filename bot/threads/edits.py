"""Edits of a run's messages, each made once: Slack allows 50 a minute per workspace."""

from dataclasses import dataclass

import structlog

from bot.messages.views import SlackMessage
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from storage.outbox import Outbox
from storage.run_rows import RunRow

log = structlog.get_logger()

ROOT, PROGRESS, QUEUED = "root", "progress", "queued"
"""Names of a run's first messages: what a command asked, the plan, and the line of a request that waits."""
DECIDED, ENDED = "decided", "ended"
"""What a message may show besides what it was posted with. Of a run that waits, see `waiting_for`."""


def waiting_for(path: str) -> str:
    """Return the state of a run's messages while it waits for the answer to a question."""
    return f"waits {path}"


@dataclass(frozen=True, slots=True)
class MessageEdits:
    """Edits messages of runs in Slack, and records what they show."""

    slack: Slack
    outbox: Outbox

    async def is_current(self, run: RunRow, name: str, shows: str) -> bool:
        """Return True when the message shows that state already, or was never posted."""
        ts, shown = await self.outbox.last_shown(run.id, name)
        return ts is None or shown == shows

    async def show(self, run: RunRow, name: str, message: SlackMessage, *, shows: str) -> bool:
        """Edit a posted message to show a state, once; return False when Slack is unreachable: try again later.

        A refusal by Slack is logged and counts as done: a view is never worth failing a run.
        """
        ts, shown = await self.outbox.last_shown(run.id, name)
        if ts is None or shown == shows:
            return True
        try:
            await self.slack.of(run.workspace).update(channel=run.channel, ts=ts, message=message)
        except SlackError as error:
            log.warning("message_not_updated", run=run.id, name=name, code=error.code)
            if error.kind == "unreachable":
                return False
        await self.outbox.mark_shown(run.id, name, shows)
        return True

    async def remove(self, run: RunRow, name: str) -> bool:
        """Delete a message, if it stands; return False when Slack is out of reach and it has to be tried again.

        A refusal by Slack is logged and counts as done, as in `show`.
        """
        ts, shown = await self.outbox.last_shown(run.id, name)
        if ts is None or shown == ENDED:
            return True
        try:
            await self.slack.of(run.workspace).call("chat.delete", channel=run.channel, ts=ts)
        except SlackError as error:
            if error.kind == "unreachable":
                return False
            log.info("message_not_deleted", run=run.id, name=name, code=error.code)
        await self.outbox.mark_shown(run.id, name, ENDED)
        return True

"""Edits of a run's messages, each once: Slack allows 50 a minute in a workspace; dying processes must waste none."""

from dataclasses import dataclass

import structlog

from bot.messages.views import SlackMessage
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from storage.outbox import Outbox
from storage.run_rows import RunRow

log = structlog.get_logger()

BEGAN, DECIDED, ENDED = "began", "decided", "ended"
"""What a message may show besides what it was posted with. Of a run that waits, see `waits`."""


def waits(path: str) -> str:
    """What the messages of a run show while it waits for the answer to a question."""
    return f"waits {path}"


@dataclass(frozen=True, slots=True)
class MessageEdits:
    """Changes messages of runs in Slack, and remembers what they show."""

    slack: Slack
    outbox: Outbox

    async def stands(self, run: RunRow, name: str, shows: str) -> bool:
        """Whether the message shows that already, or was never posted."""
        ts, shown = await self.outbox.shown(run.id, name)
        return ts is None or shown == shows

    async def show(self, run: RunRow, name: str, message: SlackMessage, *, shows: str) -> bool:
        """Have a message say this, if it stands and does not yet; False when Slack is out of reach: try again later.

        What Slack refuses is logged and done with: a view is never worth failing for.
        """
        ts, shown = await self.outbox.shown(run.id, name)
        if ts is None or shown == shows:
            return True
        try:
            await self.slack.of(run.workspace).update(channel=run.channel, ts=ts, message=message)
        except SlackError as error:
            log.warning("message_not_updated", run=run.id, name=name, code=error.code)
            if error.kind == "unreachable":
                return False
        await self.outbox.showed(run.id, name, shows)
        return True

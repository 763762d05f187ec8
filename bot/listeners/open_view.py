"""Opening a form: Slack allows it once, within three seconds."""

from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.origin import Origin
from patterns.core.errors import UserError

_TOO_LATE = frozenset(
    {"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "trigger_expired", "trigger_exchanged"}
)
"""Slack's codes for an expired click, such as one replayed after a crash."""


async def open_view(client: AsyncWebClient, origin: Origin, form: dict[str, Any]) -> None:
    """Open a form; raise UserError when Slack says it took too long."""
    try:
        await client.views_open(trigger_id=origin.trigger_id or "", view=form)
    except SlackApiError as error:
        if error.response.get("error") not in _TOO_LATE:
            raise
        raise UserError("The form took too long to open. Please try again.") from error

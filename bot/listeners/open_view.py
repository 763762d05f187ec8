"""Opening a form: Slack gives three seconds for it, once."""

from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.origin import Origin
from patterns.core.errors import UserError

_TOO_LATE = frozenset(
    {"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "trigger_expired", "trigger_exchanged"}
)
"""What Slack says of a click that is over, such as one that is taken up again after a crash."""


async def open_view(client: AsyncWebClient, origin: Origin, form: dict[str, Any]) -> None:
    """Show a form; UserError when Slack finds that it took too long."""
    try:
        await client.views_open(trigger_id=origin.trigger_id or "", view=form)
    except SlackApiError as error:
        if error.response.get("error") not in _TOO_LATE:
            raise
        raise UserError("The form took too long to open. Please try again.") from error

"""Permalinks of messages, so that lists lead to their threads."""

import structlog

from bot.slack.client import SlackClient
from bot.slack.errors import SlackError

log = structlog.get_logger()


async def permalink(out: SlackClient, *, channel: str, ts: str | None) -> str:
    """Return a message's permalink; empty where Slack does not say, because lists are useful without links."""
    if not ts:
        return ""
    try:
        found = await out.call("chat.getPermalink", channel=channel, message_ts=ts)
    except SlackError as error:
        log.info("permalink_not_found", channel=channel, code=error.code)
        return ""
    return str(found.get("permalink") or "")

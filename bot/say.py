"""The way to one person: privately where Slack allows it, and by another way where it does not."""

import structlog

from bot.render import Renderer
from bot.requests import Origin, PrivateView
from bot.slack import SlackOut
from bot.slack_errors import SlackError
from bot.views import RefusalView, SlackMessage

log = structlog.get_logger()


class Teller:
    """The port `Say` over the outbound client."""

    def __init__(self, out: SlackOut, renderer: Renderer) -> None:
        self._out = out
        self._renderer = renderer

    async def private(self, to: Origin, view: PrivateView | RefusalView) -> None:
        """Show it to the person only: by response_url, else as an ephemeral, or plainly in our direct messages.

        Raises:
            SlackError: no way led to them.
        """
        message = self._renderer.message(view)
        if to.response_url:
            try:
                await self._out.respond(to.response_url, message)
            except SlackError as error:
                # Used up or too old: the person is still there.
                log.info("response_url_spent", code=error.code)
            else:
                return
        if to.channel and not to.channel.startswith("D"):
            try:
                await self._out.ephemeral(channel=to.channel, user=to.user, message=message, thread_ts=to.thread_ts)
            except SlackError as error:
                log.info("ephemeral_refused", code=error.code)
            else:
                return
        await self._in_direct_messages(to, message)

    async def _in_direct_messages(self, to: Origin, message: SlackMessage) -> None:
        is_there = to.channel.startswith("D")
        channel = to.channel if is_there else await self._out.open_dm(to.user)
        await self._out.post(channel=channel, message=message, thread_ts=to.thread_ts if is_there else None)

"""The way to people: privately where Slack allows it, publicly where it concerns all, and by another way where not."""

from dataclasses import replace

import structlog

from bot.commands.origin import Origin
from bot.messages.card_views import RefusalView
from bot.messages.notice_views import NoticeView
from bot.messages.private_view import PrivateView
from bot.messages.renderer import Renderer
from bot.messages.views import SlackMessage
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack

log = structlog.get_logger()


class SlackNotifier:
    """The port `Say` over the outbound clients."""

    def __init__(self, slack: Slack, renderer: Renderer) -> None:
        self._slack = slack
        self._renderer = renderer

    async def private(self, to: Origin, view: PrivateView | RefusalView) -> None:
        """Show it to the person only: by response_url, else as an ephemeral, or plainly in our direct messages.

        Raises:
            SlackError: no way led to them.
        """
        message, out = self._renderer.message(view), self._slack.of(to.workspace)
        if to.response_url:
            try:
                await out.respond(to.response_url, message)
            except SlackError as error:
                # Used up or too old: the person is still there.
                log.info("response_url_spent", code=error.code)
            else:
                return
        if to.channel and not to.channel.startswith("D"):
            try:
                await out.ephemeral(channel=to.channel, user=to.user, message=message, thread_ts=to.thread_ts)
            except SlackError as error:
                log.info("ephemeral_refused", code=error.code)
            else:
                return
        await self._in_direct_messages(to, message)

    async def public(self, to: Origin, view: NoticeView) -> None:
        """Tell everybody there; where we cannot post, the person, and that the others do not know.

        Raises:
            SlackError: not even the person could be told.
        """
        try:
            await self._slack.of(to.workspace).post(
                channel=to.channel, message=self._renderer.message(view), thread_ts=to.thread_ts
            )
        except SlackError as error:
            log.warning("channel_not_told", channel=to.channel, code=error.code)
            await self.private(to, replace(view, text=f"{view.text} I could not tell the channel."))

    async def _in_direct_messages(self, to: Origin, message: SlackMessage) -> None:
        is_there = to.channel.startswith("D")
        out = self._slack.of(to.workspace)
        channel = to.channel if is_there else await out.open_dm(to.user)
        await out.post(channel=channel, message=message, thread_ts=to.thread_ts if is_there else None)

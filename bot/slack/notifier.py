"""Notices to people: privately where Slack allows it, in the conversation where they concern everyone."""

from dataclasses import replace

import structlog

from bot.commands.origin import Origin
from bot.messages.notice_views import NoticeView
from bot.messages.renderer import Renderer
from bot.messages.views import PrivateView, SlackMessage
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack

log = structlog.get_logger()


class SlackNotifier:
    """The notifier ports of `bot.runs.presenter` over the outbound clients."""

    def __init__(self, slack: Slack, renderer: Renderer) -> None:
        self._slack = slack
        self._renderer = renderer

    async def private(self, to: Origin, view: PrivateView) -> None:
        """Show a view to one person: by response_url, else as an ephemeral message, else in our direct messages.

        Raises:
            SlackError: none of the ways worked.
        """
        message, out = self._renderer.message(view), self._slack.of(to.workspace)
        if to.response_url:
            try:
                await out.respond(to.response_url, message)
            except SlackError as error:
                # Used up or expired: there are other ways to the person.
                log.info("response_url_expired", code=error.code)
            else:
                return
        if to.channel and not to.channel.startswith("D"):
            try:
                await out.ephemeral(channel=to.channel, user=to.user, message=message, thread_ts=to.thread_ts)
            except SlackError as error:
                log.info("ephemeral_rejected", code=error.code)
            else:
                return
        await self._in_direct_messages(to, message)

    async def react(self, to: Origin, emoji: str) -> None:
        """Put a reaction on the person's message; a refusal is logged, because nobody waits for a reaction."""
        try:
            await self._slack.of(to.workspace).call(
                "reactions.add", channel=to.channel, timestamp=to.message_ts, name=emoji
            )
        except SlackError as error:
            log.info("reaction_not_added", channel=to.channel, code=error.code)

    async def public(self, to: Origin, view: NoticeView) -> None:
        """Post a notice in the conversation; where that is impossible, tell the person that nobody else saw it.

        Raises:
            SlackError: the person could not be told either.
        """
        try:
            await self._slack.of(to.workspace).post(
                channel=to.channel, message=self._renderer.message(view), thread_ts=to.thread_ts
            )
        except SlackError as error:
            log.warning("channel_not_notified", channel=to.channel, code=error.code)
            await self.private(to, replace(view, text=f"{view.text} I could not tell the channel."))

    async def _in_direct_messages(self, to: Origin, message: SlackMessage) -> None:
        is_there = to.channel.startswith("D")
        out = self._slack.of(to.workspace)
        channel = to.channel if is_there else await out.open_dm(to.user)
        await out.post(channel=channel, message=message, thread_ts=to.thread_ts if is_there else None)

"""The card of a channel that nobody enabled yet: posted once, under the first request that it could not pay for."""

from dataclasses import dataclass

import structlog

from bot.budgets.new_channels import ChannelOpenings
from bot.messages.card_views import OpeningView
from bot.messages.renderer import Renderer
from bot.runs.engine import Engine
from bot.slack.announcements import OnceOnlyAnnouncements
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from patterns.core.holds import Payer
from storage.ledger.balances import Balance
from storage.outbox import Outbox

log = structlog.get_logger()


@dataclass(frozen=True)
class OpeningCards:
    """Posts the card where everybody sees it: who asked can most often not decide."""

    engine: Engine
    openings: ChannelOpenings
    announcements: OnceOnlyAnnouncements
    renderer: Renderer
    slack: Slack
    outbox: Outbox

    async def show(self, payer: Payer, refused: Balance) -> None:
        """Post the card if the channel's own limit refused, and that limit is nobody's decision yet."""
        if refused.kind == "channel" and not refused.blocked:
            await self._show(payer)

    async def check(self) -> None:
        """Post the card where a run stopped half-way for lack of a budget that nobody decided on."""
        for asked in await self.engine.questions.undecided():
            run = await self.engine.store.get(asked.run_id) if asked.question.kind == "money" else None
            if run is not None and not (await self.engine.balances.balance(run.payer)).fits(asked.question.amount_nusd):
                await self._show(run.payer)

    async def enable(self, *, workspace: str, channel: str, user: str) -> tuple[str, bool]:
        """Enable a channel and close its card; return the sentence about it, and whether it is news for all there."""
        sentence, is_news = await self.openings.enable(workspace=workspace, channel=channel, user=user)
        await self._close(Payer.of_channel(workspace, channel), user)
        return sentence, is_news

    async def _close(self, payer: Payer, user: str) -> None:
        """Take the button from the card, if one was posted; whoever presses an old one hears that it is done."""
        ts = await self.outbox.find(_key(payer), payer.channel)
        if ts is None:
            return
        # A second press is no second decision: the card keeps the name it has.
        if await self.outbox.last_shown(_key(payer), payer.channel) != (ts, ""):
            return
        view = OpeningView(
            channel=payer.channel,
            limit_nusd=0,
            usual_nusd=(await self.openings.profiles.balance(payer)).limit_nusd,
            enabled_by=await self.openings.profiles.person(user, payer.workspace),
        )
        try:
            out = self.slack.of(payer.workspace)
            await out.update(channel=payer.channel, ts=ts, message=self.renderer.message(view))
        except SlackError as error:
            log.warning("opening_card_not_closed", channel=payer.channel, code=error.code)
            return
        await self.outbox.mark_shown(_key(payer), payer.channel, "enabled")

    async def _show(self, payer: Payer) -> None:
        opening = await self.openings.find(payer)
        if opening is None:
            return
        view = OpeningView(
            channel=payer.channel,
            limit_nusd=opening.limit_nusd,
            usual_nusd=await self.openings.usual_nusd(payer.workspace),
            owner=await self.openings.profiles.owner(payer.workspace),
        )
        key = _key(payer)
        if await self.announcements.unannounced([key]):
            message = self.renderer.message(view)
            await self.announcements.announce([key], message, workspace=payer.workspace, channels=[payer.channel])


def _key(payer: Payer) -> str:
    """Return the name of a channel's card among announcements."""
    return f"opening/{payer.workspace}/{payer.channel}"

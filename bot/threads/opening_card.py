"""The card of a channel that nobody enabled yet: posted once, under the first request that it could not pay for."""

from dataclasses import dataclass

from bot.budgets.new_channels import ChannelOpenings
from bot.messages.card_views import OpeningView
from bot.messages.renderer import Renderer
from bot.runs.engine import Engine
from bot.slack.announcements import OnceOnlyAnnouncements
from patterns.core.ports import Payer
from storage.ledger.balances import Balance


@dataclass(frozen=True)
class OpeningCards:
    """Posts the card where everybody sees it: who asked can most often not decide."""

    engine: Engine
    openings: ChannelOpenings
    announcements: OnceOnlyAnnouncements
    renderer: Renderer

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
        key = f"opening/{payer.workspace}/{payer.channel}"
        if await self.announcements.unannounced([key]):
            message = self.renderer.message(view)
            await self.announcements.announce([key], message, workspace=payer.workspace, channels=[payer.channel])

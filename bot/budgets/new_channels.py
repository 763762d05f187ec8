"""New channels are a decision: they begin on trial until somebody who answers for their budget enables them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.people.access import Access
from bot.people.profiles import ProfileLookup
from patterns.core.holds import Payer
from patterns.core.money import NUSD_PER_USD, format_usd
from patterns.roster.schema import NewChannelsMode
from storage.ledger.reports import Reports
from storage.new_channels import NewChannels, ProvisionalLimit

TRIAL_NUSD = 2 * NUSD_PER_USD
"""What a channel on trial may spend in a month; less where the usual limit of a channel is smaller."""


@dataclass(frozen=True)
class ChannelOpenings:
    """Opens channels the first time they are seen, and enables them. `mode` is the roster's `new_channels`."""

    store: NewChannels
    access: Access
    profiles: ProfileLookup
    reports: Reports
    mode: NewChannelsMode
    budget_raised: Callable[[str, str], Awaitable[None]]
    """Resumes the requests of a channel that stopped for lack of budget."""

    async def see(self, payer: Payer) -> None:
        """Open the channel of a request if it was never seen before; direct messages need no decision."""
        if payer.channel_kind == "channel" and not await self.store.has_row(payer.workspace, payer.channel):
            await self.store.register(payer.workspace, payer.channel, await self._opening(payer.workspace))

    async def _opening(self, workspace: str) -> ProvisionalLimit | None:
        # Play money needs nobody's decision.
        if self.mode == "on" or self.profiles.is_play_money:
            return None
        if self.mode == "off":
            return ProvisionalLimit("off", 0)
        return ProvisionalLimit("trial", min(TRIAL_NUSD, await self.usual_nusd(workspace)))

    async def usual_nusd(self, workspace: str) -> int:
        """Return what a channel has in a month that is enabled and has no limit of its own."""
        return (await self.reports.workspace_summary(workspace)).default_channel_nusd

    async def invited_by(self, user: str, *, workspace: str, channel: str) -> None:
        """Open a channel that the bot was invited to: at once where an admin did it, else as every new one."""
        if user and await self.access.is_admin(user, workspace=workspace):
            await self.store.register(workspace, channel, None)
            await self.store.enable(workspace, channel, actor=user)
        else:
            await self.see(Payer(workspace, channel, "channel", user))

    async def find(self, payer: Payer) -> ProvisionalLimit | None:
        """Return how the channel of a payer began; None when it is enabled."""
        return await self.store.find(payer.workspace, payer.channel) if payer.channel_kind == "channel" else None

    async def enable(self, *, workspace: str, channel: str, user: str) -> tuple[str, bool]:
        """Enable a channel for a person who was admitted to that; return the sentence, and whether it is news."""
        name = (await self.profiles.person(user, workspace)).name
        is_news = await self.store.enable(workspace, channel, actor=user)
        limit = format_usd((await self.profiles.balance(Payer(workspace, channel, "channel", user))).limit_nusd)
        if not is_news:
            return f"This channel is enabled already, with {limit} a month.", False
        await self.budget_raised(workspace, channel)
        return f"{name} enabled this channel. It has {limit} a month now.", True

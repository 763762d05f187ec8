"""What admins opened in a channel, read from and written to the channel's settings."""

from bot.access import ChannelRules
from storage.channels import ChannelSettings


class StoredRules:
    """The RulesStore of `bot.access` over the database."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings

    async def rules(self, *, workspace: str, channel: str) -> ChannelRules:
        """The channel's rules; closed when nobody set any."""
        kept = await self._settings.find(workspace=workspace, channel=channel)
        return ChannelRules(
            guests=bool(kept.get("guests")),
            external=bool(kept.get("external")),
            owners=frozenset(kept.get("owners", ())),
        )

    async def save_rules(self, rules: ChannelRules, *, workspace: str, channel: str, actor: str) -> None:
        """Replace them."""
        changes = {"guests": rules.guests, "external": rules.external, "owners": sorted(rules.owners)}
        await self._settings.save(changes, workspace=workspace, channel=channel, actor=actor)

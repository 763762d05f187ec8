"""Channel rules in the channel's stored settings."""

from dataclasses import asdict, fields
from typing import Any

from bot.people.access import ChannelRules
from storage.channels import ChannelSettings

_NAMES = frozenset(field.name for field in fields(ChannelRules))
_SETS = frozenset({"owners", "people"})


class StoredRules:
    """The RulesStore of `bot.people.access` over the database."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings

    async def rules(self, *, workspace: str, channel: str) -> ChannelRules:
        """Return the channel's rules; the closed defaults when none were set."""
        kept = await self._settings.find(workspace=workspace, channel=channel)
        known: dict[str, Any] = {name: value for name, value in kept.items() if name in _NAMES}
        return ChannelRules(**known | {name: frozenset(known[name]) for name in _SETS & known.keys()})

    async def save_rules(self, rules: ChannelRules, *, workspace: str, channel: str, actor: str) -> None:
        """Replace the channel's rules, with an entry in the audit log."""
        changes = {name: sorted(value) if name in _SETS else value for name, value in asdict(rules).items()}
        await self._settings.save(changes, workspace=workspace, channel=channel, actor=actor)

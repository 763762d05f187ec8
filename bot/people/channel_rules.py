"""How a channel behaves, as its admins set it, in the channel's stored settings."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol

from storage.channels import ChannelSettings


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """How one channel behaves, as its admins set it, and who owns its budget besides them.

    `people` counts where `who` is `named`. `flow` runs where none is named; empty lets the Router choose. `replies`
    says which replies without a mention continue a thread of ours: the asker's, none, or all.
    """

    guests: bool = False
    external: bool = False
    owners: frozenset[str] = frozenset()
    who: Literal["everyone", "admins", "named"] = "everyone"
    people: frozenset[str] = frozenset()
    flow: str = ""
    replies: Literal["asker", "tagged", "free"] = "asker"
    quiet: bool = False


class RulesStore(Protocol):
    """The store of channel rules."""

    async def rules(self, *, workspace: str, channel: str) -> ChannelRules:
        """Return the channel's rules; the closed defaults when none were set."""
        ...

    async def save_rules(self, rules: ChannelRules, *, workspace: str, channel: str, actor: str) -> None:
        """Replace the channel's rules, with an entry in the audit log."""
        ...


_NAMES = frozenset(field.name for field in fields(ChannelRules))
_SETS = frozenset({"owners", "people"})


class StoredRules:
    """The `RulesStore` over the database."""

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

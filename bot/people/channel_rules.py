"""How a channel behaves, as its admins set it, in the channel's stored settings."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol

from storage.channels import ChannelSettings


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """How one channel behaves, as its admins set it, and who owns its budget besides them.

    `people` counts where `who` is `named`. `flow` runs where none is named; empty lets the Router choose. `replies`
    says which replies without a mention continue a thread of ours: the asker's, none, or all. `tools` are on, for
    requests of those whom `tools_for` names; `tools_people` counts where it is `named`. Where guests or people of other
    organisations read, they are off unless `tools_outside`.
    """

    guests: bool = False
    external: bool = False
    owners: frozenset[str] = frozenset()
    who: Literal["everyone", "admins", "named"] = "everyone"
    people: frozenset[str] = frozenset()
    flow: str = ""
    replies: Literal["asker", "tagged", "free"] = "asker"
    quiet: bool = False
    tools: frozenset[str] = frozenset()
    tools_for: Literal["everyone", "members", "admins", "named"] = "everyone"
    tools_people: frozenset[str] = frozenset()
    tools_outside: bool = False


Change = Callable[[ChannelRules], ChannelRules]
"""Says what rules become; it may be asked more than once, so it must not act on the outside."""


class RulesStore(Protocol):
    """The store of channel rules."""

    async def rules(self, *, workspace: str, channel: str) -> ChannelRules:
        """Return the channel's rules; the closed defaults when none were set."""
        ...

    async def change_rules(
        self, change: Change, *, workspace: str, channel: str, actor: str
    ) -> tuple[ChannelRules, ChannelRules]:
        """Change the channel's rules, with an entry in the audit log; return them before and after.

        Changes made at the same moment are all kept: each is made on what the one before it left.
        """
        ...


_NAMES = frozenset(field.name for field in fields(ChannelRules))
_SETS = frozenset({"owners", "people", "tools", "tools_people"})


class StoredRules:
    """The `RulesStore` over the database."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings

    async def rules(self, *, workspace: str, channel: str) -> ChannelRules:
        """Return the channel's rules; the closed defaults when none were set."""
        return _read(await self._settings.find(workspace=workspace, channel=channel))

    async def change_rules(
        self, change: Change, *, workspace: str, channel: str, actor: str
    ) -> tuple[ChannelRules, ChannelRules]:
        """Change the channel's rules, with an entry in the audit log; return them before and after."""

        def changes(kept: Mapping[str, Any]) -> dict[str, Any]:
            rules = _read(kept)
            was, now = asdict(rules), asdict(change(rules))
            return {name: sorted(now[name]) if name in _SETS else now[name] for name in now if now[name] != was[name]}

        before, after = await self._settings.change(changes, workspace=workspace, channel=channel, actor=actor)
        return _read(before), _read(after)


def _read(kept: Mapping[str, Any]) -> ChannelRules:
    known: dict[str, Any] = {name: value for name, value in kept.items() if name in _NAMES}
    return ChannelRules(**known | {name: frozenset(known[name]) for name in _SETS & known.keys()})

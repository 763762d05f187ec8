"""How a channel behaves, as its admins set it, in the channel's stored settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol

from storage.channels import ChannelSettings

Whom = Literal["everyone", "members", "admins", "named"]


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose requests have a tool; `people` counts where `who` is `named`."""

    who: Whom = "everyone"
    people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """How one channel behaves, as its admins set it, and who owns its budget besides them.

    `people` counts where `who` is `named`. `flow` runs where none is named; empty lets the Router choose. `replies`
    says which replies without a mention continue a thread of ours: the asker's, none, or all. `tools` are on, for
    requests of those whom `tools_for` names; `tools_people` counts where it is `named`. `tools_whom` are on too, each
    for an audience of its own: they are not among `tools`, so that programs which do not know audiences have them off.
    Where guests or people of other organisations read, all are off unless `tools_outside`.
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
    tools_for: Whom = "everyone"
    tools_people: frozenset[str] = frozenset()
    tools_whom: Mapping[str, Audience] = field(default_factory=dict)
    tools_outside: bool = False

    @property
    def tools_on(self) -> frozenset[str]:
        """Return the tools that are on for anybody."""
        return self.tools | self.tools_whom.keys()

    @property
    def audience(self) -> Audience:
        """Return whose requests have the tools that have no audience of their own."""
        return Audience(self.tools_for, self.tools_people)

    def audience_of(self, tool: str) -> Audience:
        """Return whose requests have a tool that is on."""
        return self.tools_whom.get(tool, self.audience)


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


_NAMES = frozenset(one.name for one in fields(ChannelRules))
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
            was, now = _kept(rules), _kept(change(rules))
            return {name: now[name] for name in now if now[name] != was[name]}

        before, after = await self._settings.change(changes, workspace=workspace, channel=channel, actor=actor)
        return _read(before), _read(after)


def _kept(rules: ChannelRules) -> dict[str, Any]:
    """Return rules as they are stored: an audience is a list of its word and its people."""
    kept = {name: getattr(rules, name) for name in _NAMES}
    whom = {tool: [one.who, *sorted(one.people)] for tool, one in sorted(rules.tools_whom.items())}
    return {**kept, **{name: sorted(kept[name]) for name in _SETS}, "tools_whom": whom}


def _read(kept: Mapping[str, Any]) -> ChannelRules:
    known: dict[str, Any] = {name: value for name, value in kept.items() if name in _NAMES}
    whom = {tool: Audience(who, frozenset(people)) for tool, (who, *people) in kept.get("tools_whom", {}).items()}
    return ChannelRules(
        **known | {name: frozenset(known[name]) for name in _SETS & known.keys()} | {"tools_whom": whom}
    )

"""What a change of a budget is told with, whom it concerns, and whether a switch stands so already. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.commands import budget as said
from bot.commands.budget import BudgetCommand, Flip
from patterns.core.money import format_usd
from storage.ledger.reports import PayerSettings, WorkspaceSummary

DEFAULTS = {
    "channel-default": ("default_channel_nusd", "the limit of channels that have none of their own"),
    "dm-default": ("dm_user_nusd", "what everybody has for direct messages"),
    "workspace-limit": ("limit_nusd", "the limit of the whole workspace"),
}
"""Names of the limits that hold for the workspace: their field, and what people call them."""
_WORKSPACE = said.LiftModel | said.SetOwner
_STANDS = {"freeze": "frozen", "unfreeze": "open", "pause": "paused", "resume": "running"}


@dataclass(frozen=True, slots=True)
class Changed:
    """One change in words. `is_public` when it concerns everyone in the channel."""

    sentence: str
    is_public: bool = True


def is_for_workspace(command: BudgetCommand) -> bool:
    """Return whether a command changes what holds for every channel."""
    if isinstance(command, said.SetAmount):
        return command.name in DEFAULTS
    if isinstance(command, said.Flip):
        return command.switch in {"pause", "resume"}
    return isinstance(command, _WORKSPACE)


def nothing_changed(what: str) -> Changed:
    """Return that a value was set to what it is; nothing was written."""
    return Changed(f"Nothing changed: {what} already.", is_public=False)


def switch_stands(command: Flip, settings: PayerSettings, summary: WorkspaceSummary) -> bool:
    """Return whether the switch stands so already, and no other reason is given for it."""
    if command.switch in {"pause", "resume"}:
        is_on, reason = summary.paused, summary.paused_reason
    else:
        is_on, reason = settings.frozen, settings.frozen_reason
    if command.switch in {"unfreeze", "resume"}:
        return not is_on
    return bool(is_on) and command.reason in ("", reason)


def switch_words(switch: str, place: str) -> str:
    """Return how a switch stands: `the budget of #platform is frozen`."""
    return f"{f'the budget of {place}' if place else 'the whole workspace'} is {_STANDS[switch]}"


def why(reason: str) -> str:
    """Return a reason in brackets, after what it is given for; empty without one."""
    return f" ({reason})" if reason else ""


def or_none(nusd: int | None) -> str:
    """Return a cap in dollars, or that there is none."""
    return "no cap" if nusd is None else format_usd(nusd)


def percents(shares: Sequence[int]) -> str:
    """Return `50 %, 80 %`."""
    return ", ".join(f"{share} %" for share in shares)

"""The checklist of an admin's home: what is set up and what is not, as it was read from the system. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.messages.run_text import count
from bot.messages.scopes import SCOPES
from patterns.core.money import format_usd

BACKUP_OLD_DAYS = 7
NAMES_SHOWN = 8
_US_PER_DAY = 86_400_000_000
_REINSTALL = "Update the app to agents manifest, then reinstall it."


@dataclass(frozen=True, slots=True)
class Limits:
    """The monthly limits in force, in nano-dollars; `person_nusd` is one person's over all channels, None: none."""

    workspace_nusd: int
    channel_nusd: int
    dm_nusd: int
    person_nusd: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read. `granted` None: Slack did not say. `backup_us` None: no copy was made yet.

    `owners` are lines like `#platform: Lee`; `contact` is who is asked for budget, empty for nobody;
    `makes_own_backups` is False for a database whose server makes them.
    """

    granted: frozenset[str] | None
    needed: frozenset[str]
    optional: frozenset[str]
    providers: tuple[str, ...]
    texts_days: int
    attachments_days: int
    deliveries_days: int
    ratings_days: int
    limits: Limits
    on_trial: tuple[str, ...]
    owners: tuple[str, ...]
    contact: str
    backup_us: int | None
    makes_own_backups: bool
    now_us: int
    play_money: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One line: a fact in a sentence or two, and whether it is as it should be."""

    is_fine: bool
    text: str


def checks(facts: Facts) -> tuple[Check, ...]:
    """Return the lines of the checklist, in the order in which a deployment is set up."""
    return (
        *_scopes(facts),
        _retention(facts),
        _limits(facts),
        _trial(facts),
        _owners(facts),
        _backup(facts),
    )


def _scopes(facts: Facts) -> list[Check]:
    """Return how the granted scopes compare with those needed, and a line for each feature that is switched off."""
    if facts.granted is None:
        return [Check(is_fine=True, text="Permissions: this Slack does not say which scopes it granted.")]
    missing = sorted(facts.needed - facts.granted)
    declined = sorted(facts.optional - facts.granted)
    wanted = len(facts.needed | facts.optional)
    if not missing and not declined:
        return [Check(is_fine=True, text=f"Permissions: all {wanted} scopes of the manifest are granted.")]
    lacking = len(missing) + len(declined)
    head = f"Permissions: {wanted - lacking} of {wanted} scopes are granted. {_REINSTALL}"
    lines = [Check(is_fine=not missing, text=head)]
    lines += [Check(is_fine=False, text=f"{scope} is missing. {_without(scope)}") for scope in missing]
    return lines + [Check(is_fine=True, text=f"Switched off without {scope}: {_without(scope)}") for scope in declined]


def _without(scope: str) -> str:
    return SCOPES[scope].without


def _retention(facts: Facts) -> Check:
    days = {
        "texts": facts.texts_days,
        "attachments": facts.attachments_days,
        "Slack's deliveries": facts.deliveries_days,
        "ratings": facts.ratings_days,
    }
    kept = ", ".join(f"{name} for {count(number, 'day')}" for name, number in days.items())
    text = f"Text goes to {_names(facts.providers, sign=' and ')}. I keep {kept}."
    return Check(is_fine=True, text=text)


def _limits(facts: Facts) -> Check:
    limits = facts.limits
    money = " in play money" if facts.play_money else ""
    person = (
        "no limit for one person over all channels"
        if limits.person_nusd is None
        else f"one person over all channels {format_usd(limits.person_nusd)}"
    )
    text = (
        f"Monthly limits{money}: the workspace {format_usd(limits.workspace_nusd)}, a channel "
        f"{format_usd(limits.channel_nusd)}, one person's direct messages {format_usd(limits.dm_nusd)}, {person}."
    )
    return Check(is_fine=True, text=text)


def _trial(facts: Facts) -> Check:
    if not facts.on_trial:
        return Check(is_fine=True, text="No channel is on trial or waits to be enabled.")
    return Check(is_fine=False, text=f"Nobody has enabled {_names(facts.on_trial)} yet. The buttons are below.")


def _owners(facts: Facts) -> Check:
    owners = f" Owners of budgets: {_names(facts.owners, sign='; ')}." if facts.owners else ""
    if not facts.contact:
        text = f"Nobody is named as the person to ask for more budget. Set AGENTS_ADMINS.{owners}"
        return Check(is_fine=False, text=text)
    return Check(is_fine=True, text=f"People ask {facts.contact} for more budget.{owners}")


def _backup(facts: Facts) -> Check:
    if not facts.makes_own_backups:
        return Check(is_fine=True, text="Backups: PostgreSQL is backed up with its own tools, which I cannot see.")
    if facts.backup_us is None:
        return Check(is_fine=False, text="No backup yet: “agents backup FILE” makes one while I run.")
    made = datetime.fromtimestamp(facts.backup_us / 1_000_000, UTC)
    days = (facts.now_us - facts.backup_us) // _US_PER_DAY
    ago = f", {count(days, 'day')} ago" if days else ""
    return Check(is_fine=days <= BACKUP_OLD_DAYS, text=f"Last backup: {made.day} {made:%b %Y %H:%M} UTC{ago}.")


def _names(names: tuple[str, ...], *, sign: str = ", ") -> str:
    more = len(names) - NAMES_SHOWN
    shown = sign.join(names[:NAMES_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown

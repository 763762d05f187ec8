"""The deployment's roster, models and default budgets, from settings and roster file."""

from bot.runs.model_selection import ModelChoice, apply_choice, choose, needs_choice
from bot.settings import Settings
from patterns.roster.reading import read_roster_file
from patterns.roster.roster import Roster
from storage.ledger.book import Policy


def read_roster(settings: Settings, choice: ModelChoice | None) -> Roster:
    """Return the deployment's roster with its models chosen.

    Raises:
        RosterError: every mistake in it, a line each.
    """
    roster = read_roster_file(settings.roster_path, env=settings.env, hint="Check AGENTS_ROSTER.")
    return roster.with_models(apply_choice(roster.models, choice)) if choice is not None else roster


async def choose_models(settings: Settings) -> ModelChoice | None:
    """Return the model for `auto` entries of the roster; None when it names every model itself.

    Raises:
        UserError: no model is available.
    """
    return await choose(settings) if needs_choice(read_roster(settings, None).models) else None


def policy_of(settings: Settings, roster: Roster) -> Policy:
    """Return the budget policy of every month that no admin has changed."""
    budgets = roster.budgets
    return Policy(
        workspace_nusd=budgets.workspace_nusd,
        channel_nusd=budgets.default_channel_nusd,
        dm_user_nusd=budgets.dm_user_nusd,
        zone=settings.timezone or budgets.timezone,
        person_nusd=budgets.person_nusd,
    )

"""Requests that cannot begin yet, because Slack is away and nobody could be told how they end."""

from bot.slack.errors import PASSING, SlackError
from patterns.core.errors import AgentsError
from storage.run_rows import RunRow

POSTPONED_S = 15.0
"""How long a run whose thread cannot be opened now is left alone before somebody tries again."""
UNBEGUN_MAX_US = 24 * 3600 * 1_000_000
"""A request that could not begin for a day is not begun any more: nobody waits for it, and it would cost money."""


class PostponedError(AgentsError):
    """Slack cannot be reached, so the run cannot begin yet. `code` is Slack's."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code


def is_worth_waiting(run: RunRow, error: SlackError, *, now_us: int) -> bool:
    """Return whether a run whose thread could not be opened should begin later instead of ending."""
    return error.kind in PASSING and now_us - run.created_us < UNBEGUN_MAX_US

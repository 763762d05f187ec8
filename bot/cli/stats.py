"""`agents stats`: patterns, flows, agents, models and tools of a month beside each other."""

import shutil
import sys

import click

from bot.budgets.csv_export import stats_csv
from bot.budgets.stats_service import StatsService
from bot.cli.books import open_books
from bot.cli.shell import profiles_over
from bot.commands.budget_values import read_month
from bot.messages import stats_text
from bot.messages.mrkdwn import unescape
from bot.messages.stats_advice import advice
from bot.messages.stats_columns import Column, wide
from bot.messages.stats_views import KINDS, RunStats
from storage.run_stories import RunStories

RUNS_MOST = 50_000
NAME_MIN, NAME_MAX = 16, 60


async def stats(channel: str, month: str, workspace: str, *, as_csv: bool) -> int:
    """Print the statistics of a month, of one channel or of all.

    Raises:
        UserError: no such month, or nothing was asked in it.
    """
    async with open_books(workspace) as ledger:
        service = StatsService(
            RunStories(ledger.db),
            ledger.reports,
            profiles_over(ledger.balances),
            ledger.clock,
        )
        if channel:
            await ledger.check(channel)
        zone = (await ledger.reports.settings(ledger.workspace, channel)).zone
        found = await service.of(
            ledger.workspace,
            [channel] if channel else [],
            read_month(month) if month else "",
            zone=zone,
            most=RUNS_MOST,
        )
    if as_csv:
        click.echo(stats_csv(found), nl=False)
        return 0
    place = channel or "all channels"
    older = f", the latest of {found.runs + found.left_out:,}" if found.left_out else ""
    dry = f", {found.dry:,} of them dry" if found.dry else ""
    click.echo(f"{place}, {found.period}: {found.runs:,} request{'' if found.runs == 1 else 's'}{older}{dry}")
    _print_tables(found)
    click.echo("")
    for sentence in advice(found):
        click.echo(unescape(sentence).replace("`", ""))
    return 0


def _print_tables(found: RunStats) -> None:
    """Print a table of each kind of rows with the columns for which a terminal has room; all of them elsewhere."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    name_max = NAME_MAX if width is None else min(NAME_MAX, max(width // 4, NAME_MIN))
    shown: set[Column] = set()
    left_out: set[Column] = set()
    for kind in KINDS:
        rows = found.of(kind)
        if rows:
            columns = stats_text.fitting(rows, kind, width=width, name_max=name_max)
            click.echo(f"\n{stats_text.TITLES[kind]}")
            for line in stats_text.lines(rows, columns, name_max=name_max):
                click.echo(line)
            shown |= set(columns)
            left_out |= set(wide(kind)) - set(columns)
    click.echo("\nWhat the columns mean")
    for line in stats_text.meanings(shown):
        click.echo(line)
    if left_out:
        click.echo("\nA wider terminal shows more columns, --csv all of them.")

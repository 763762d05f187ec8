"""`agents stats`: patterns, flows, agents, models and tools of a month beside each other."""

import click

from bot.budgets.csv_export import stats_csv
from bot.budgets.stats_service import StatsService
from bot.cli.books import open_books
from bot.cli.shell import profiles_over
from bot.commands.budget_values import read_month
from bot.messages import stats_text
from bot.messages.mrkdwn import unescape
from bot.messages.stats_advice import advice
from bot.messages.stats_columns import wide
from bot.messages.stats_views import KINDS
from storage.run_stories import RunStories

RUNS_MOST = 50_000
NAME_MAX = 60


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
    kinds = [kind for kind in KINDS if found.of(kind)]
    for kind in kinds:
        click.echo(f"\n{stats_text.TITLES[kind]}")
        for line in stats_text.lines(found.of(kind), wide(kind), name_max=NAME_MAX):
            click.echo(line)
    click.echo("\nWhat the columns mean")
    for line in stats_text.meanings(kinds):
        click.echo(line)
    click.echo("")
    for sentence in advice(found):
        click.echo(unescape(sentence).replace("`", ""))
    return 0

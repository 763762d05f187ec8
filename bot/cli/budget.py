"""`agents budget`, `agents export` and `agents reconcile`: amounts and changes for operators."""

from pathlib import Path

import click

from bot.cli.books import open_books
from bot.cli.command import Commands, run_command, workspace_option


def register(main: click.Group) -> None:
    """Add the commands to `agents`."""
    for command in (balance, budget, export, reconcile):
        main.add_command(command)


_channel = click.option("--channel", required=True, metavar="ID", help="Slack's id of the channel, like C0123ABCD.")
_maybe_channel = click.option("--channel", default="", metavar="ID", help="One channel; all of them without.")
_month = click.option("--month", default="", metavar="YYYY-MM", help="The month; the current one without.")
REASON_CHARS = 500
"""As long as Slack's form takes one."""


def _short(_context: click.Context, _option: click.Parameter, reason: str) -> str:
    if len(reason) > REASON_CHARS:
        raise click.BadParameter(f"A reason has at most {REASON_CHARS} characters; this one has {len(reason):,}.")
    return reason


_reason = click.option("--reason", default="", callback=_short, help="Stands in the audit log.")

_EXPORT_BYTES_MAX = 50 * 2**20
"""Read whole, and ten times as large in memory."""


@click.group(cls=Commands)
def budget() -> None:
    """Show budgets and change them, beside a running bot if there is one."""


@click.command()
@_maybe_channel
@workspace_option
def balance(channel: str, workspace: str) -> None:
    """Show what is left of this month's budget, of one channel or of all: the same as `budget show`."""
    run_command(_show(channel, workspace))


@budget.command()
@_maybe_channel
@workspace_option
def show(channel: str, workspace: str) -> None:
    """Show the current month of a channel, or of every channel."""
    run_command(_show(channel, workspace))


@budget.command(name="set")
@click.argument("amount")
@_channel
@_reason
@workspace_option
def set_limit(amount: str, channel: str, reason: str, workspace: str) -> None:
    """Set a channel's monthly limit to AMOUNT dollars, or to `default`."""
    run_command(_set(amount, channel, reason, workspace))


@budget.command()
@click.argument("amount")
@_channel
@_reason
@workspace_option
def grant(amount: str, channel: str, reason: str, workspace: str) -> None:
    """Give a channel AMOUNT dollars more for this month only."""
    run_command(_grant(amount, channel, reason, workspace))


@budget.command()
@click.option("--csv", "as_csv", is_flag=True, help="Numbers for a spreadsheet.")
@_channel
@_month
@workspace_option
def report(*, as_csv: bool, channel: str, month: str, workspace: str) -> None:
    """Show a month of a channel by flow, agent and model."""
    run_command(_report(channel, month, workspace, as_csv=as_csv))


@click.group(cls=Commands)
def export() -> None:
    """Print figures for other programs."""


@export.command()
@click.option("--month", required=True, metavar="YYYY-MM")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@_maybe_channel
@workspace_option
def calls(month: str, form: str, channel: str, workspace: str) -> None:
    """Print every call of a month with its tokens and its price, for the finance team."""
    run_command(_calls(month, form, channel, workspace))


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--month", required=True, metavar="YYYY-MM")
@workspace_option
def reconcile(file: Path, month: str, workspace: str) -> None:
    """Compare a month of the ledger with FILE, a provider's usage export (CSV or JSON), by UTC day and model.

    Names every difference; exit code 1 when there is one.
    """
    with file.open("rb") as export:
        data = export.read(_EXPORT_BYTES_MAX + 1)
    if len(data) > _EXPORT_BYTES_MAX:
        limit = f"{_EXPORT_BYTES_MAX // 2**20} MB"
        raise click.ClickException(f"{file.name} is larger than {limit}. Export one month only.")
    run_command(_reconcile(data, file.name, month, workspace))


async def _show(channel: str, workspace: str) -> int:
    if channel:
        return await _report(channel, "", workspace, as_csv=False)
    from bot.messages.budget_text import book_line
    from bot.messages.budget_views import BookLine

    async with open_books(workspace) as books:
        all_of = await books.reports.workspace_summary(books.workspace)
        total = BookLine(books.workspace, all_of.limit_nusd, all_of.settled_nusd, all_of.held_nusd)
        lines = [
            BookLine(one.settings.id, one.limit_nusd, one.settled_nusd, one.held_nusd, one.settings.frozen_reason)
            for one in all_of.payers
        ]
    for line in [total, *sorted(lines, key=lambda one: -one.share_pct)]:
        click.echo(_plain(book_line(line)))
    return 0


async def _set(amount: str, channel: str, reason: str, workspace: str) -> int:
    from bot.commands.budget_values import read_amount
    from patterns.core.holds import Payer
    from patterns.core.money import format_usd
    from storage.new_channels import provisional_limit_of

    nusd = None if amount == "default" else read_amount(amount)
    async with open_books(workspace) as books:
        await books.check(channel)
        payer = Payer.of_channel(books.workspace, channel)
        before = await books.reports.settings(books.workspace, channel)
        if nusd == before.own_limit_nusd and provisional_limit_of(before.settings, nusd) is None:
            click.echo(f"Nothing changed: the monthly limit of {channel} is {format_usd(before.limit_nusd)} already.")
            return 0
        was = before.limit_nusd
        await books.budgets.set_limit(payer, nusd, actor=books.actor, reason=reason)
        now = (await books.reports.settings(books.workspace, channel)).limit_nusd
    click.echo(f"The monthly limit of {channel} went from {format_usd(was)} to {format_usd(now)}.")
    return 0


async def _grant(amount: str, channel: str, reason: str, workspace: str) -> int:
    from bot.commands.budget_values import read_amount
    from patterns.core.holds import Payer
    from patterns.core.money import format_usd

    nusd = read_amount(amount)
    async with open_books(workspace) as books:
        await books.check(channel)
        payer = Payer.of_channel(books.workspace, channel)
        change = await books.budgets.grant(payer, nusd, actor=books.actor, reason=reason)
        limit_nusd = (await books.balances.balance(payer)).limit_nusd or 0
    was, now = (format_usd(limit_nusd + part["granted_nusd"]) for part in (change.before, change.after))
    click.echo(f"{channel} has {format_usd(nusd)} more this month: {was} became {now}.")
    return 0


async def _report(channel: str, month: str, workspace: str, *, as_csv: bool) -> int:
    from bot.budgets.call_models import month_with_models
    from bot.budgets.csv_export import month_csv
    from bot.commands.budget_values import read_month
    from bot.messages.budget_text import text
    from bot.messages.budget_views import BudgetView
    from bot.messages.month_report import build_report
    from patterns.core.holds import Payer

    async with open_books(workspace) as books:
        payer = Payer.of_channel(books.workspace, channel)
        balance = await books.balances.balance(payer)
        period = read_month(month) if month else balance.period
        found = await month_with_models(books.reports, payer, period, books.models)
        settings = await books.reports.settings(books.workspace, channel)
    if as_csv:
        click.echo(month_csv(found.spent, period), nl=False)
        return 0
    current = (balance.limit_nusd or 0) + balance.granted_nusd if period == balance.period else found.limit_nusd
    report = build_report(
        found,
        name=channel,
        channel=channel,
        limit_nusd=settings.limit_nusd if current is None else current,
        zone=settings.zone,
        now_us=books.clock.now_us(),
    )
    click.echo(_plain(text(BudgetView(report))))
    return 0


async def _calls(month: str, form: str, channel: str, workspace: str) -> int:
    from bot.budgets.call_models import with_provider_models
    from bot.budgets.csv_export import calls_csv, calls_json
    from bot.commands.budget_values import read_month

    period = read_month(month)
    async with open_books(workspace) as books:
        calls = await books.reports.calls(books.workspace, period, [channel] if channel else [])
    rows = with_provider_models(calls)
    click.echo(calls_csv(rows) if form == "csv" else calls_json(rows) + "\n", nl=False)
    return 0


async def _reconcile(data: bytes, name: str, month: str, workspace: str) -> int:
    from bot.budgets.call_models import with_provider_models
    from bot.budgets.reconciliation import compare, ledger_usage, read_export, tool_lines
    from bot.budgets.usage_exports import decoded
    from bot.commands.budget_values import read_month
    from bot.messages.month_report import previous_period

    period = read_month(month)
    export = read_export(decoded(data), name=name)
    async with open_books(workspace) as books:
        # A month of ours may begin in another zone: its first and last hours belong to a neighbour by UTC.
        year, number = map(int, period.split("-"))
        after = f"{year + number // 12}-{number % 12 + 1:02d}"
        near = (previous_period(period), period, after)
        rows = [row for one in near for row in await books.reports.calls(books.workspace, one)]
    found = compare(ledger_usage(with_provider_models(rows, books.models)), export, period=period)
    for line in (*found.differences, *tool_lines(rows, period=period)):
        click.echo(line)
    what = f"{len(found.differences)} differences" if found.differences else "no difference"
    click.echo(f"{period}: {found.days} days and models compared, {what}.")
    return 1 if found.differences else 0


def _plain(text: str) -> str:
    from bot.messages.mrkdwn import unescape

    return unescape(text).replace("*", "").replace("`", "")

"""`agents show` and `agents replay`: read a run that was, and compute it once more."""

from pathlib import Path
from typing import Any

import click

from bot.cli.command import run_command, workspace_option


def register(main: click.Group) -> None:
    """Add the commands to `agents`."""
    for command in (show, replay, stats):
        main.add_command(command)


@click.command()
@click.argument("run", required=False, default="")
@click.option("--texts", is_flag=True, help="Add the prompt and the answer of every step.")
@click.option("--html", "as_html", is_flag=True, help="Write one page with all of it, prompts and answers too.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the page goes; RUN.html in this folder without it.",
)
def show(**options: Any) -> None:  # noqa: ANN401 - click hands the options over by name
    """Show a RUN: what was asked, why it went this way, every step with its money, who decided what.

    Without RUN it lists the latest ones. Prompts are rebuilt from the journal; who reads the texts of a run of Slack
    stands in the audit log.
    """
    from bot.cli.show import Request
    from bot.cli.show import show as start

    run_command(start(Request(**options)))


@click.command()
@click.argument("runs", nargs=-1, metavar="RUN...")
@click.option("--all", "every", is_flag=True, help="Every run of this ledger that is over.")
def replay(runs: tuple[str, ...], *, every: bool) -> None:
    """Compute a RUN once more from its journal: the same decisions, the same cents, nothing sent.

    Names every difference, and what was deleted or never stored. Exit code 1 when something differs.
    """
    from bot.cli.replay import replay as start

    run_command(start(runs, every=every))


@click.command()
@click.option("--channel", default="", metavar="ID", help="One channel; all of them without.")
@click.option("--month", default="", metavar="YYYY-MM", help="The month; the current one without.")
@click.option("--csv", "as_csv", is_flag=True, help="Numbers for a spreadsheet.")
@workspace_option
def stats(*, channel: str, month: str, as_csv: bool, workspace: str) -> None:
    """Compare patterns, flows, agents and models by a month's runs: cost, time, feedback, and what they suggest."""
    from bot.cli.stats import stats as start

    run_command(start(channel, month, workspace, as_csv=as_csv))

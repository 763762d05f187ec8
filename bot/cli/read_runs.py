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
@click.option(
    "--from", "step", default="", metavar="STEP", help="Run it again from this step on: number, path or agent."
)
@click.option("--model", default="", help="With --from: this model answers for every agent that is asked again.")
@click.option("--flow", default="", help="With --from: another flow.")
@click.option(
    "--prompt",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --from: another prompt for the agent of that step.",
)
@click.option("--channel", default="terminal", show_default=True, help="With --from: the channel whose budget pays.")
@click.option("--estimate", is_flag=True, help="With --from: say what it would cost, and run nothing.")
@click.option("--yes", is_flag=True, help="With --from: agree to the price beforehand, whatever it is.")
@click.option("--json", "as_json", is_flag=True, help="With --from: print one JSON object.")
def replay(runs: tuple[str, ...], *, every: bool, step: str, **options: Any) -> None:  # noqa: ANN401 - as click has them
    """Compute a RUN once more from its journal: the same decisions, the same cents, nothing sent.

    Names every difference, and what was deleted or never stored. Exit code 1 when something differs.

    With --from it is a new, paid run instead: what came before STEP is taken over, the rest is asked again with what
    was changed, and both stand side by side. Exit codes are then those of `agents ask`.
    """
    if step:
        from bot.cli.rerun import Asked, rerun

        if len(runs) != 1 or every:
            raise click.UsageError("--from goes with one RUN.")
        run_command(rerun(Asked(run=runs[0], step=step, **options)))
        return
    if any(options[name] for name in ("model", "flow", "prompt", "estimate", "yes", "as_json")):
        raise click.UsageError(
            "A replay computes what was and changes nothing. --model, --flow, --prompt, --estimate, --yes and --json "
            "belong to a new run from one of its steps on: add --from STEP."
        )
    from bot.cli.replay import replay as start

    run_command(start(runs, every=every))


@click.command()
@click.option("--channel", default="", metavar="ID", help="One channel; all of them without.")
@click.option("--month", default="", metavar="YYYY-MM", help="The month; the current one without.")
@click.option("--csv", "as_csv", is_flag=True, help="Numbers for a spreadsheet.")
@workspace_option
def stats(*, channel: str, month: str, as_csv: bool, workspace: str) -> None:
    """Compare patterns, flows, agents, models and tools by a month's runs: cost, time, feedback, what they suggest."""
    from bot.cli.stats import stats as start

    run_command(start(channel, month, workspace, as_csv=as_csv))

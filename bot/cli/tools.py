"""`agents tools`: what is connected, one call without an agent, and a starter of one's own."""

import sys
from pathlib import Path

import click

from bot.cli.command import Commands

_roster = click.option("--roster", "file", type=click.Path(path_type=Path), help="A roster; else the deployment's.")


@click.group(cls=Commands)
def tools() -> None:
    """Look at the tools of the roster, try one, and write one of your own."""


@tools.command(name="list")
@_roster
def list_(file: Path | None) -> None:
    """Print every tool: whether it acts, who is asked, its price, and whether its server answers.

    What a server has and the roster does not name is listed too: it is off. Exit code 1 when a server does not answer.
    """
    from bot.cli.command import run_command
    from bot.cli.roster import roster_path
    from bot.cli.tool_calls import list_tools

    run_command(list_tools(roster_path(file)))


@tools.command()
@click.argument("tool")
@click.argument("arguments", default="{}")
@_roster
@click.option("--channel", default="terminal", show_default=True, help="The channel whose budget pays.")
@click.option("--yes", is_flag=True, help="Make a call that acts without asking.")
def call(tool: str, arguments: str, file: Path | None, channel: str, *, yes: bool) -> None:
    """Call TOOL once with ARGUMENTS, a JSON object, and print what it returns.

    It is held, sent once and settled like every call. Exit code 1 when it fails.
    """
    from bot.cli.command import run_command
    from bot.cli.roster import roster_path
    from bot.cli.tool_calls import Trial, call_tool

    path = roster_path(file) if file else None
    run_command(call_tool(Trial(tool, arguments, roster=path, channel=channel, yes=yes)))


@tools.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def new(folder: Path) -> None:
    """Write a Python function as a tool, and a roster with an agent that uses it, into FOLDER."""
    from bot.settings import PROJECT

    starter = PROJECT / "templates" / "tools"
    files = sorted(path.relative_to(starter) for path in starter.rglob("*") if path.is_file())
    taken = [str(folder / file) for file in files if (folder / file).exists()]
    if taken:
        raise click.ClickException(f"{taken[0]} is there already. Name another folder.")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text((starter / file).read_text("utf-8"), "utf-8")
    written = folder / "roster.yml"
    click.echo(f"Wrote {' and '.join(str(folder / file) for file in files)}. Next:")
    asked = "'{\"number\": 1001}'"
    for command, does in (
        (f"agents tools list --roster {written}", "shows what is on"),
        (f"agents tools call orders.find_order {asked} --roster {written}", "calls it without an agent"),
        (f'agents try clerk "Where is order 1001?" --roster {written}', "has an agent use it"),
    ):
        click.echo(f"  {command}    # {does}")
    sys.stdout.flush()

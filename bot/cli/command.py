"""What commands of a shell share. It imports nothing slow, so that `agents --help` answers at once."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click

LONGEST = 500
"""Characters of a command's first sentence in the list of commands: all of it."""
workspace_option = click.option("--workspace", default="", metavar="ID", help="Needed where the ledger has several.")


class Commands(click.Group):
    """A group whose help says each command's first sentence in full, over several lines where it is long."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        shown = {name: command for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))}
        rows = [(name, command.get_short_help_str(LONGEST)) for name, command in shown.items() if not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def run_command(work: Coroutine[Any, Any, int]) -> None:
    """Run a command's work to its end, and exit with its code unless that is 0."""
    code = asyncio.run(work)
    if code:
        sys.exit(code)

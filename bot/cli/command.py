"""What commands of a shell share. It imports nothing slow, so that `agents --help` answers at once."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click

workspace_option = click.option("--workspace", default="", metavar="ID", help="Needed where the ledger has several.")


def run_command(work: Coroutine[Any, Any, int]) -> None:
    """Run a command's work to its end, and exit with its code unless that is 0."""
    code = asyncio.run(work)
    if code:
        sys.exit(code)

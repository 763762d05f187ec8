"""The `agents` command and what only a shell does.

Face: `main`. It never speaks to a running bot: both share the ledger, nothing else.
"""

from bot.cli.main import main

__all__ = ["main"]

"""The `agents` command and what only a shell does."""

from bot.cli.main import main

__all__ = ["main"]

"""The Slack application: commands, messages, Slack client, runs, threads, listeners, command line.

Faces: `bot.cli.main` for the shell, `bot.app.open_bot` for a running bot. It never prices, holds or settles money
itself; that is `patterns` and `storage`.
"""

__version__ = "0.1.0"

"""What a person asked for, as typed values: the grammar after `/agents` and where it was said.

Face: `bot.commands.parser.parse`, the dataclasses of `commands` and `budget`, `Origin`. It never does I/O and knows no
Slack client, view or store.
"""

"""Everything on one machine: a local Slack, a model and the bot, without an account or a key.

Face: `bot.demo.run.demo`. It never touches a real workspace, a real key or another ledger.
"""

"""Everything on one machine: a local Slack, a model and the bot, so that trying it needs no account and no key."""

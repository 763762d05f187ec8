"""What `agents run`, `web` and `worker` import sooner or later, for the fork server that imports this once.

litellm is imported on first use, and parts of it on theirs, so a client is asked for a price and thrown away.
"""

import asyncio

import bot.app
import bot.cli.main
import bot.http_server
import bot.logs
import bot.runs.distributed
import bot.serve  # noqa: F401 - like those above, for their import alone
from bot.settings import SHIPPED_ROSTER
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import load_roster

asyncio.run(LiteLLMClient({}, {}).warm())
load_roster(SHIPPED_ROSTER.read_text("utf-8"), file=SHIPPED_ROSTER.name, env={})

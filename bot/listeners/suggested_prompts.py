"""Suggested prompts of the agent view: requests that this roster can carry out."""

import re
from collections.abc import Sequence
from functools import cache

import aiohttp
import structlog
import yaml
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.origin import Origin
from bot.manifest import render
from bot.messages.list_views import FlowLine
from bot.slack.errors import UNSUPPORTED

log = structlog.get_logger()

PROMPTS_MAX = 4
"""Slack shows no more than four."""
_USES = re.compile(r"use (\S+):")


class SuggestedPrompts:
    """The prompts of one process; a workspace without an agent view is not asked again."""

    def __init__(self) -> None:
        self._without: set[str] = set()

    async def show(self, client: AsyncWebClient, origin: Origin, flows: Sequence[FlowLine]) -> None:
        """Set the prompts in a person's direct messages; a view is never worth failing a listener."""
        if origin.workspace in self._without:
            return
        try:
            await client.assistant_threads_setSuggestedPrompts(channel_id=origin.channel, prompts=prompts_for(flows))
        except SlackApiError as error:
            code = str(error.response.get("error"))
            is_for_good = code in UNSUPPORTED
            if is_for_good:
                self._without.add(origin.workspace)
            log.info("prompts_not_set", code=code, for_good=is_for_good)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("prompts_not_set", code=type(error).__name__, for_good=False)


def prompts_for(flows: Sequence[FlowLine]) -> list[dict[str, str]]:
    """Return the manifest's prompts whose flows the roster has; other flows explain themselves.

    The last one is always the help. Pressing an explanation costs nothing.
    """
    names = {flow.name for flow in flows}
    used = {found[1]: prompt for prompt in _shipped() if (found := _USES.match(prompt["message"]))}
    ready = [prompt for name, prompt in used.items() if name in names]
    own = [{"title": f"What {name} does", "message": f"help {name}"} for name in names - used.keys()]
    help_ = [prompt for prompt in _shipped() if prompt not in used.values()]
    return [*[*ready, *sorted(own, key=lambda prompt: prompt["title"])][: PROMPTS_MAX - len(help_)], *help_]


@cache
def _shipped() -> list[dict[str, str]]:
    prompts: list[dict[str, str]] = yaml.safe_load(render())["features"]["agent_view"]["suggested_prompts"]
    return prompts

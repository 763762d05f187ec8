"""How many calls to Slack a request makes, once the process knows its people: Slack allows 50 edits a minute."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import open_house

QUESTIONS = ("use answer: SQLite or PostgreSQL?", "use answer: and for three teams?")


async def command(slack: SlackServer, text: str) -> None:
    await slack.command(text)


async def mention(slack: SlackServer, text: str) -> None:
    await slack.say(f"<@{BOT_USER}> {text}")


async def direct_message(slack: SlackServer, text: str) -> None:
    await slack.say(text, channel="D0DANA")


CALLS_MAX: dict[str, tuple[Callable[[SlackServer, str], Awaitable[None]], int]] = {
    "command": (command, 8),
    "mention": (mention, 5),
    "direct message": (direct_message, 8),
}
"""How a person asks, and the most calls for a request that one agent answers at once.

Two of them are edits of the plan that a slow machine adds.
"""


@pytest.mark.parametrize("kind", CALLS_MAX)
async def test_a_request_makes_so_many_calls_at_most(slack: SlackServer, tmp_path: Path, kind: str) -> None:
    ask, calls_max = CALLS_MAX[kind]
    async with (
        Provider(Team(), strict=False) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        for number, text in enumerate(QUESTIONS, 1):
            before = len(slack.workspace.calls)
            await ask(slack, text)
            await house.until_told(runs=number)
        made = Counter(method for method, _ in slack.workspace.calls[before:])
    assert made.total() <= calls_max, made

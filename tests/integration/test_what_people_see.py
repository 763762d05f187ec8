"""What people in a thread see of what models write: answers only, and what the Router made of the request."""

import json

import pytest

from tests.fakes.provider import Call, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team

ASK = "which database should we take?"


class Talkative:
    """Routes by `choice`, answers `text`."""

    def __init__(self) -> None:
        self.choice = ""
        self.text = "Take SQLite."
        self.systems: list[str] = []

    def __call__(self, call: Call) -> Reply:
        self.systems.append(json.dumps(call.body))
        if call.schema is not None:
            return Reply(self.choice) if self.choice else Team()(call)
        return Reply(self.text)


@pytest.fixture
def talker() -> Talkative:
    return Talkative()


@pytest.fixture
def team(talker: Talkative) -> Talkative:
    return talker


def said(slack: SlackServer, channel: str = "C0PLATFORM") -> str:
    mine = [m for m in slack.messages(channel) if m["user"] == BOT_USER]
    return json.dumps([[m["text"], m["blocks"]] for m in mine], ensure_ascii=False)


async def asked(slack: SlackServer, text: str = ASK) -> str:
    await slack.command(text)
    await slack.wait_for(lambda: "answered" in said(slack) and "SQLite" in said(slack))
    return said(slack)


@pytest.mark.usefixtures("house")
async def test_the_thread_says_that_the_default_flow_was_taken_and_why(slack: SlackServer, talker: Talkative) -> None:
    talker.choice = "I would rather talk about the weather."
    seen = await asked(slack)
    assert "The Router could not choose (its answer did not have the required form" in seen
    assert "so this is the default flow." in seen


@pytest.mark.usefixtures("house")
async def test_thinking_and_template_tokens_never_reach_slack(slack: SlackServer, talker: Talkative) -> None:
    talker.text = "<think>\nmy secret\n</think>\n\nTake SQLite.<|im_end|>\U000e0041\u200b"
    seen = await asked(slack)
    assert [token for token in ("secret", "think>", "im_end", "\U000e0041", "\u200b") if token in seen] == []

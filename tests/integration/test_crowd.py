"""When calls to Slack wait in line, answers come before what only shows that somebody works on them."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from bot.slack.web_api import SlackMethods
from tests.fakes.provider import Call, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.support.running_bot import House

ANSWER = "Take SQLite."


class Patient:
    """Answers when it may."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def __call__(self, call: Call) -> Reply:
        assert call.schema is None
        self.asked.set()
        await self.may_answer.wait()
        return Reply(ANSWER)


@pytest.fixture
def team() -> Patient:
    return Patient()


class Crowd:
    """Whether other calls to Slack wait in line."""

    is_here = True


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    crowd = Crowd()
    monkeypatch.setattr(SlackMethods, "is_crowded", lambda _self, _channel: crowd.is_here)
    return crowd


def thread(slack: SlackServer) -> list[str]:
    """The texts of the only thread of ours, its root first."""
    return [message["text"] for message in slack.messages() if message["user"] == BOT_USER]


@pytest.mark.usefixtures("crowd")
async def test_a_command_in_a_crowd_is_its_root_and_its_answer(slack: SlackServer, house: House, team: Patient) -> None:
    team.may_answer.set()
    await slack.command("use answer with researcher: SQLite or PostgreSQL?")
    await house.until_told(runs=1)
    _root, answer = thread(slack)
    assert ANSWER in answer
    made = Counter(method for method, _ in slack.workspace.calls)
    assert (made["chat.postMessage"], made["chat.update"], made["chat.delete"]) == (2, 1, 0)


async def test_the_plan_of_a_long_request_follows_when_there_is_room(
    slack: SlackServer, house: House, team: Patient, crowd: Crowd
) -> None:
    await slack.command("use answer with researcher: SQLite or PostgreSQL?")
    await team.asked.wait()
    assert len(thread(slack)) == 1
    crowd.is_here = False
    await slack.wait_for(lambda: len(thread(slack)) == 2)
    assert "researcher" in thread(slack)[1]
    team.may_answer.set()
    await house.until_told(runs=1)
    _root, answer = thread(slack)
    assert ANSWER in answer


@pytest.mark.usefixtures("crowd")
async def test_a_mention_in_a_crowd_still_sees_at_once_that_it_was_heard(
    slack: SlackServer, house: House, team: Patient
) -> None:
    await slack.say(f"<@{BOT_USER}> use answer with researcher: SQLite or PostgreSQL?")
    await slack.wait_for(lambda: len(thread(slack)) == 1)
    team.may_answer.set()
    await house.until_told(runs=1)
    assert ANSWER in thread(slack)[-1]

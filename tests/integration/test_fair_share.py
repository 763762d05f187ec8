"""Hundreds of requests of one person keep nobody else waiting, and none of them is lost."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bot.messages.action_ids import REQUEST_RETRY
from bot.slack.rate_limiter import Rate
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import House, open_house

MANY = 100
CROWD, OTHER, QUIET = "U0LEE", "U0DANA", "C0QUIET"
ROOMY = {"AGENTS_QUEUE": "person=1000 channel=1000"}
ROSTER = "extends: shipped\nbudgets: {new_channels: on, workspace_usd: 10000, default_channel_usd: 1000}\n"


class Gate:
    """A model that answers the crowd only once it is opened, and knows who reached it."""

    def __init__(self) -> None:
        self.is_open = False

    def __call__(self, call: Call) -> Reply:
        is_held = "crowd" in json.dumps(call.body) and not self.is_open
        return Reply("late", delay_s=600) if is_held else Team()(call)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def provider(gate: Gate) -> AsyncIterator[Provider]:
    async with Provider(gate) as provider:
        yield provider


@pytest.fixture
def start(slack: SlackServer, provider: Provider, tmp_path: Path) -> partial:
    slack.workspace.add_channel(QUIET, "quiet", {OTHER, CROWD, BOT_USER})
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path, roster=ROSTER, more=ROOMY)


async def ask(slack: SlackServer, what: str, *, user: str = CROWD, channel: str = "C0PLATFORM") -> None:
    await slack.command(f"use answer with researcher: what is {what}?", user=user, channel=channel)


def reached(provider: Provider, what: str) -> int:
    """How often the model was asked that."""
    return sum(f"what is {what}?" in json.dumps(call.body) for call in provider.calls)


def private(slack: SlackServer, words: str, user: str = CROWD) -> list[str]:
    return [message["text"] for message in slack.ephemerals(user) if words in message["text"]]


async def accepted(house: House, count: int) -> None:
    await house.bot.background.drain(60)
    assert house.ledger("SELECT COUNT(*) FROM run") == count


async def test_another_channels_request_begins_while_a_hundred_of_one_person_wait(
    slack: SlackServer, provider: Provider, start: partial
) -> None:
    async with start() as house:
        for number in range(MANY):
            await ask(slack, f"crowd {number}")
        await accepted(house, MANY)
        assert house.ledger("SELECT COUNT(*) FROM run WHERE status = 'running'") == 8
        await ask(slack, "quiet", user=OTHER, channel=QUIET)
        await slack.wait_for(lambda: reached(provider, "quiet"))
        assert house.ledger("SELECT COUNT(*) FROM run WHERE status = 'accepted'") == MANY - 8
        assert private(slack, "5 requests of yours are before it")
        assert len(private(slack, "Queued")) == MANY - 8


async def test_a_restart_in_the_middle_loses_none_and_answers_none_twice(
    slack: SlackServer, start: partial, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.web_api.POSTS", Rate(per_minute=6000, burst=100))
    async with start() as house:
        for number in range(20):
            await ask(slack, f"crowd {number}")
        await accepted(house, 20)
    gate.is_open = True
    async with start() as house:
        await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE status <> 'done'") == 0)
        assert house.ledger("SELECT COUNT(*) FROM run WHERE stop_reason = 'completed'") == 20
        assert house.held_nusd() == 0


async def test_one_more_than_the_queue_takes_is_refused_privately_and_can_be_asked_again(
    slack: SlackServer, start: partial
) -> None:
    async with start(more={"AGENTS_QUEUE": "person=2"}) as house:
        for number in range(11):
            await ask(slack, f"crowd {number}")
            await house.bot.background.drain(60)
        (refusal,) = private(slack, "Not started, nothing spent")
        assert "2 of your requests are waiting already, and I keep no more of one person" in refusal
        assert house.ledger("SELECT COUNT(*) FROM run") == 10
        assert not [message for message in slack.messages() if "Not started" in message["text"]]
        await slack.command("stop", user=CROWD)
        await house.bot.background.drain(60)
        await slack.click(REQUEST_RETRY, user=CROWD)
        await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run") == 11)

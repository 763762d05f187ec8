"""Slack in trouble, fault by fault: each ends in an answer or a plain reason that reaches the person, and costs once.

The table of docs/operations.md names these tests. A fault comes at one of two moments: when the thread is opened and
nothing is spent, or when the answer is there.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot import app
from bot.bolt_app import NOT_AUTHORIZED
from bot.runs import executor, postponed
from bot.slack import web_api, workspaces
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import House, open_house

PLATFORM, DM = "C0PLATFORM", "D0DANA"
ASK = f"<@{BOT_USER}> use answer with researcher: when PostgreSQL?"
ANSWERED = "once two programs write"
CALLS = 1

Fault = Callable[[SlackServer], Any]


def fails(method: str, **how: Any) -> Fault:
    return lambda slack: slack.fail(method, **how)


PASSING: dict[str, dict[str, Any]] = {
    "429 with a Retry-After": {"retry_after_s": 3},
    "429 with a Retry-After that is a date": {"retry_after_s": "Wed, 21 Oct 2026 07:28:00 GMT"},
    "429 more often than we try": {"retry_after_s": 0, "times": 8},
    "500": {"status": 500},
    "503, twice": {"status": 503, "times": 2},
    "a proxy's page": {"status": 502, "page": True},
    "connection lost before it arrived": {"lose": "before"},
    "connection lost after it arrived": {"lose": "after"},
    "no response after it arrived": {"lose": "hang"},
    "invalid_blocks": {"error": "invalid_blocks"},
    "msg_blocks_too_long": {"error": "msg_blocks_too_long"},
    "internal_error": {"error": "internal_error"},
}
"""What passes, or can be worked around: the answer comes where it was asked for."""
REFUSING = ("is_archived", "is_inactive", "not_in_channel", "channel_not_found", "restricted_action")
"""What closes the conversation to us for good."""
SPEAKING = ("chat.postMessage", "chat.postEphemeral", "conversations.open")
REVOKED = ("token_revoked", "account_inactive", "invalid_auth")


@dataclass
class World:
    """A house over a Slack and a provider; `at_the_model` is what happens while the model works."""

    slack: SlackServer
    provider: Provider
    house: House
    at_the_model: list[Callable[[], Any]] = field(default_factory=list)

    def answers(self, channel: str = PLATFORM) -> int:
        said = [m for m in self.slack.messages(channel) if m["user"] == BOT_USER]
        return sum(ANSWERED in json.dumps([m["text"], m.get("blocks", [])]) for m in said)

    async def authorized(self) -> None:
        """Have the token checked, which the bot does with the first payload."""
        await self.slack.open_home()
        await self.slack.wait_for(lambda: self.slack.workspace.homes)

    async def replayed(self) -> None:
        """Wait until what is in the inbox was replayed, which a chore does with what is overdue."""
        async with asyncio.timeout(30):
            while self.house.ledger("SELECT COUNT(*) FROM inbox WHERE done_us IS NULL"):  # noqa: ASYNC110 - the bot writes it
                await asyncio.sleep(0.1)

    async def until_answered(self, channel: str = PLATFORM) -> None:
        """Wait for the answer, trying again what is owed as the chores do every ten seconds."""
        async with asyncio.timeout(60):
            while not self.answers(channel) or self.house.ledger(OPEN):
                await self.house.bot.executor.resume_orphans()
                await asyncio.sleep(0.1)

    def costs(self) -> tuple[int, int, int]:
        """How often a model was asked, how many calls were paid, and what is still held."""
        paid = self.house.ledger("SELECT COUNT(*) FROM call WHERE state IN ('settled', 'uncertain')")
        return len(self.provider.calls), paid, self.house.held_nusd()


OPEN = (
    "SELECT (SELECT COUNT(*) FROM run WHERE status <> 'done')"
    " + (SELECT COUNT(*) FROM slack_out WHERE state = 'intended')"
)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(workspaces, "REQUEST_TIMEOUT_S", 1.0)
    monkeypatch.setattr(executor, "POSTPONED_S", 0.2)
    monkeypatch.setattr(app, "OVERDUE_S", 2.0)
    async with open_world(tmp_path) as world:
        yield world


@asynccontextmanager
async def open_world(folder: Path, **slack_options: Any) -> AsyncIterator[World]:
    world: World

    def works(call: Call) -> Reply:
        for happens in world.at_the_model:
            happens()
        world.at_the_model.clear()
        return Team()(call)

    async with (
        SlackServer(**slack_options) as slack,
        Provider(works) as provider,
        open_house(api_url=slack.url, provider=provider, folder=folder) as house,
    ):
        world = World(slack, provider, house)
        yield world


# ---------------------------------------------------------------- what passes


@pytest.mark.parametrize("how", PASSING.values(), ids=PASSING)
async def test_a_fault_while_the_thread_is_opened_leaves_one_answer(world: World, how: dict[str, Any]) -> None:
    world.slack.fail("chat.postMessage", **how)
    await world.slack.say(ASK)
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))
    assert len([m for m in world.slack.messages() if m["user"] == BOT_USER]) == 1


@pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
@pytest.mark.parametrize("how", PASSING.values(), ids=PASSING)
async def test_a_fault_while_the_answer_is_told_leaves_one_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, how: dict[str, Any]
) -> None:
    monkeypatch.setattr("bot.threads.answer_place.NEW_POST_AFTER_S", 20.0 if method == "chat.update" else 0.0)
    world.at_the_model.append(lambda: world.slack.fail(method, **how))
    await world.slack.say(ASK)
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


# ---------------------------------------------------------------- what closes the conversation


@pytest.mark.parametrize("code", REFUSING)
async def test_where_no_thread_can_be_opened_the_person_hears_why_and_nothing_is_spent(world: World, code: str) -> None:
    for method in ("chat.postMessage", "chat.postEphemeral"):
        world.slack.fail(method, error=code)
    await world.slack.say(ASK)
    told = await world.slack.wait_for(lambda: [m for m in world.slack.messages(DM) if m["user"] == BOT_USER])
    await world.house.until_told(runs=1)
    assert (len(told), world.costs()) == (1, (0, 0, 0))
    assert len(told[0]["text"]) > 20


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("code", REFUSING)
async def test_an_answer_whose_channel_is_lost_comes_as_a_direct_message(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str, *, slow: bool
) -> None:
    monkeypatch.setattr("bot.threads.answer_place.NEW_POST_AFTER_S", 0.0 if slow else 20.0)
    world.at_the_model.append(lambda: close(world.slack, code))
    await world.slack.say(ASK)
    await world.until_answered(DM)
    [told] = [m for m in world.slack.messages(DM) if m["user"] == BOT_USER]
    assert told["text"].startswith(
        "I cannot post in <#C0PLATFORM> any more, so here is what came of your request there."
    )
    assert (world.answers(), world.answers(DM), world.costs()) == (0, 1, (CALLS, CALLS, 0))


def close(slack: SlackServer, code: str) -> None:
    """Close the channel to us, by what Slack really does where the double can, else by its word."""
    if code == "is_archived":
        slack.workspace.channels[PLATFORM].is_archived = True
    elif code == "not_in_channel":
        slack.workspace.channels[PLATFORM].members.discard(BOT_USER)
    else:
        refused = set[str]()
        inner = slack.workspace.fault

        def fault(method: str) -> Any:
            told = slack.workspace.calls[-1][1]
            if told.get("channel") == PLATFORM and method.startswith("chat."):
                refused.add(method)
                slack.fail(method, error=code)
            return inner(method)

        slack.workspace.fault = fault  # type: ignore[method-assign]


# ---------------------------------------------------------------- the token


@pytest.mark.parametrize("code", REVOKED)
async def test_a_request_under_a_refused_token_waits_and_is_answered_when_it_is_accepted_again(
    world: World, code: str
) -> None:
    await world.authorized()
    for method in SPEAKING:
        world.slack.fail(method, error=code, times=10_000)
    await world.slack.say(ASK)
    async with asyncio.timeout(30):
        while not world.house.ledger("SELECT COUNT(*) FROM run WHERE epoch > 1"):
            await world.house.bot.executor.resume_orphans()
            await asyncio.sleep(0.1)
    assert world.costs() == (0, 0, 0)
    world.slack.workspace.faults.clear()
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


@pytest.mark.parametrize("code", REVOKED)
async def test_an_answer_under_a_refused_token_is_owed_and_told_once_when_it_is_accepted_again(
    world: World, code: str
) -> None:
    world.at_the_model.append(lambda: world.slack.fail("*", error=code, times=10_000))
    await world.slack.say(ASK)
    async with asyncio.timeout(30):
        while not world.house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'"):  # noqa: ASYNC110 - the bot writes it
            await asyncio.sleep(0.05)
    await world.house.bot.executor.resume_orphans()
    assert world.answers() == 0
    world.slack.workspace.faults.clear()
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


async def test_a_request_that_could_not_begin_for_a_day_ends_without_being_paid_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postponed, "UNBEGUN_MAX_US", 0)
    await world.authorized()
    for method in SPEAKING:
        world.slack.fail(method, error="token_revoked", times=10_000)
    await world.slack.say(ASK)
    await world.house.until_told(runs=1)
    assert world.costs() == (0, 0, 0)


# ---------------------------------------------------------------- deliveries


@pytest.mark.parametrize("how", [{"error": "token_revoked"}, {"status": 503}], ids=["token refused", "503"])
async def test_a_message_that_comes_while_slack_answers_nothing_is_answered_once_when_it_does(
    world: World, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    """Who is asking cannot be looked up, and nobody can be told so: the message stays in the inbox."""
    monkeypatch.setattr(web_api, "ATTEMPTS", 2)
    await world.authorized()
    world.slack.fail("*", **how, times=10_000)
    await world.slack.say(ASK)
    await world.house.bot.background.drain(30)
    assert world.house.ledger("SELECT COUNT(*) FROM inbox WHERE done_us IS NULL AND key LIKE 'message:%'") == 1
    world.slack.workspace.faults.clear()
    await world.replayed()
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


async def test_a_message_that_nobody_could_answer_for_a_day_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "UNBEGUN_MAX_US", -1)
    await world.authorized()
    for method in ("conversations.info", "users.info", *SPEAKING):
        world.slack.fail(method, error="token_revoked", times=10_000)
    await world.slack.say(ASK)
    await world.house.bot.background.drain(30)
    await world.replayed()
    assert world.house.ledger("SELECT COUNT(*) FROM inbox WHERE note = 'too old'") == 1
    assert world.costs() == (0, 0, 0)


async def test_a_socket_that_drops_is_made_anew_and_loses_neither_an_answer_nor_a_request(world: World) -> None:
    await world.slack.say(ASK)
    for socket in list(world.slack.sockets):
        await socket.close()
    await world.until_answered()
    # Slack keeps what nobody acknowledges, and delivers it over the next connection.
    await world.slack.wait_for(lambda: world.slack.sockets)
    await world.slack.say(ASK)
    await world.slack.wait_for(lambda: world.answers() == 2)
    assert world.house.ledger("SELECT COUNT(*) FROM run") == 2


async def test_a_routine_refresh_of_the_socket_goes_unnoticed(world: World) -> None:
    await world.slack.refresh()
    await world.slack.say(ASK)
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


@pytest.mark.parametrize("hours", [1, 30])
async def test_events_that_come_hours_late_are_answered_once(tmp_path: Path, hours: int) -> None:
    late_s = 0.0
    async with open_world(tmp_path, clock=lambda: time.time() - late_s) as world:
        await world.slack.say(ASK)
        await world.until_answered()
        late_s = 3600.0 * hours
        await world.slack.say(ASK)
        await world.slack.wait_for(lambda: world.answers() == 2)
        await world.house.until_told(runs=2)
        assert world.costs() == (2 * CALLS, 2 * CALLS, 0)


@pytest.mark.parametrize("copies", [2, 5])
async def test_copies_of_a_delivery_in_any_order_are_one_request(world: World, copies: int) -> None:
    message = {"type": "message", "user": "U0DANA", "text": ASK, "ts": world.slack.workspace.ts(), "team": "T0AGENTS"}
    world.slack.workspace.channels[PLATFORM].messages.append(message)
    event = {**message, "channel": PLATFORM, "event_ts": message["ts"], "channel_type": "channel"}
    both = [event, {**event, "type": "app_mention"}] * copies
    await asyncio.gather(*(world.slack.event(one) for one in reversed(both)))
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))
    assert world.house.ledger("SELECT COUNT(*) FROM run") == 1


async def test_a_reply_that_comes_before_the_request_it_follows_is_no_second_answer(world: World) -> None:
    """Slack promises no order: the reply is not in a thread of ours yet, so it is left to people."""
    slack = world.slack
    root = {"type": "message", "user": "U0DANA", "text": ASK, "ts": slack.workspace.ts(), "team": "T0AGENTS"}
    slack.workspace.channels[PLATFORM].messages.append(root)
    reply = {**root, "ts": slack.workspace.ts(), "thread_ts": root["ts"], "text": "and with three teams?"}
    await slack.event({**reply, "channel": PLATFORM, "event_ts": reply["ts"], "channel_type": "channel"})
    await slack.event({**root, "type": "app_mention", "channel": PLATFORM, "event_ts": root["ts"]})
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_five_minutes_of_clock_skew_open_no_month_and_the_thread_says_why(tmp_path: Path, minutes: int) -> None:
    async with open_world(tmp_path, clock=lambda: time.time() + 60 * minutes) as world:
        await world.slack.say(ASK)
        said = await world.slack.wait_for(
            lambda: [
                m for m in world.slack.messages() if "the clock of the machine I run on was wrong" in json.dumps(m)
            ]
        )
        await world.house.until_told(runs=1)
        assert (len(said), world.costs()) == (1, (0, 0, 0))


async def test_five_minutes_of_clock_skew_in_a_month_that_is_open_change_nothing(tmp_path: Path) -> None:
    skew_s = 0.0
    async with open_world(tmp_path, clock=lambda: time.time() + skew_s) as world:
        await world.slack.say(ASK)
        await world.until_answered()
        skew_s = 300.0
        await world.slack.say(ASK)
        await world.slack.wait_for(lambda: world.answers() == 2)
        await world.house.until_told(runs=2)
        assert world.costs() == (2 * CALLS, 2 * CALLS, 0)


# ---------------------------------------------------------------- the first payload, while Slack does not answer


@pytest.mark.parametrize(
    "how", [{"error": "internal_error"}, {"status": 503}, {"lose": "before"}, {"error": "invalid_auth"}]
)
async def test_an_event_that_cannot_be_authorized_is_left_to_slack_which_sends_it_again(
    world: World, how: dict[str, Any]
) -> None:
    world.slack.ack_s = 0.3
    world.slack.fail("auth.test", **how, times=2)
    await world.slack.say(ASK)
    await world.until_answered()
    assert (world.answers(), world.costs()) == (1, (CALLS, CALLS, 0))


async def test_a_command_that_cannot_be_authorized_says_that_nothing_was_started(world: World) -> None:
    world.slack.fail("auth.test", error="internal_error")
    assert await world.slack.command("use answer: when?") == {"text": NOT_AUTHORIZED}
    assert world.house.ledger("SELECT COUNT(*) FROM inbox") == 0


async def test_a_click_that_cannot_be_authorized_says_so_privately(world: World) -> None:
    world.slack.fail("auth.test", error="internal_error")
    blocks = [{"type": "actions", "elements": [{"type": "button", "action_id": "run_stop", "value": "r1"}]}]
    message = {
        "type": "message",
        "user": BOT_USER,
        "text": "a plan",
        "ts": world.slack.workspace.ts(),
        "blocks": blocks,
    }
    message["blocks"][0]["block_id"] = "b1"  # type: ignore[index]
    world.slack.workspace.channels[PLATFORM].messages.append(message)
    await world.slack.click("run_stop")
    [told] = world.slack.ephemerals()
    assert told["text"] == NOT_AUTHORIZED

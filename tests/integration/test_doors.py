"""Reactions and shortcuts are doors like any other: every kind of person at them, over signed payloads."""

import asyncio
import json
from typing import Any

import pytest

from bot.listeners.payloads import MESSAGE_SHORTCUT, RUN_AGAIN
from bot.messages.action_ids import REVIEW_APPROVE, RUN_CONFIRM
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.integration.test_permissions import (
    ADMINS,
    DANA,
    INSIDE,
    LEE,
    OPENED_TO,
    PEOPLE,
    PLATFORM,
    SECRET,
    asked_by_dana,
    id_of,
    runs,
    seen_by,
)
from tests.integration.test_permissions import house as house  # noqa: PLC0414 - a fixture
from tests.support.running_bot import House

WAIT_S = 30
DRAFT = "use draft: tell all customers that exports are offline on Sunday"


async def react(slack: SlackServer, user: str, sign: str, ts: str, channel: str = PLATFORM) -> None:
    item = {"type": "message", "channel": channel, "ts": ts}
    event = {"type": "reaction_added", "reaction": sign, "user": user, "item": item, "item_user": BOT_USER}
    await slack.event({**event, "event_ts": slack.workspace.ts()})


async def choose(slack: SlackServer, callback_id: str, user: str, message: dict[str, Any], channel: str) -> None:
    payload = slack._who("message_action", user)
    place = {"channel": {"id": channel, "name": "x"}, "message": message, "message_ts": message["ts"]}
    url = slack._response_url(channel, user)
    await slack.deliver("interactive", {**payload, **place, "callback_id": callback_id, "response_url": url})


async def draft_under_review(slack: SlackServer) -> dict[str, Any]:
    """The card of a draft that Lee asked for."""
    await slack.command(DRAFT, user=LEE)
    await slack.wait_for(lambda: RUN_CONFIRM in json.dumps(slack.messages(PLATFORM)), timeout_s=WAIT_S)
    await slack.click(RUN_CONFIRM, user=LEE)
    return await slack.wait_for(
        lambda: next((m for m in slack.messages(PLATFORM) if REVIEW_APPROVE in json.dumps(m)), None), timeout_s=WAIT_S
    )


def done(house: House) -> int:
    return house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'")


async def until_over(house: House) -> None:
    """Wait until the run has ended, or fail after a while."""
    async with asyncio.timeout(WAIT_S):
        while done(house) == 0:
            await house.until_no_run_is_open()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("opened", ["", "guests", "external"])
@pytest.mark.parametrize("sign", ["+1", "white_check_mark", "octagonal_sign", "no_entry"])
async def test_reactions_of_those_who_may_not_decide_change_nothing(
    slack: SlackServer, house: House, opened: str, sign: str
) -> None:
    if opened:
        await slack.command(f"allow {opened}", user=DANA)
        await house.bot.background.drain(10)
    card = await draft_under_review(slack)
    for name in PEOPLE:
        if name not in ADMINS:
            await react(slack, id_of(name), sign, card["ts"])
            await house.bot.background.drain(10)
            assert (name, done(house)) == (name, 0)
    await react(slack, LEE, sign, card["ts"])
    await house.bot.background.drain(10)
    await until_over(house)


@pytest.mark.parametrize("sign", ["+1", "octagonal_sign"])
@pytest.mark.parametrize("name", sorted(ADMINS))
async def test_reactions_of_admins_count(slack: SlackServer, house: House, sign: str, name: str) -> None:
    card = await draft_under_review(slack)
    await react(slack, id_of(name), sign, card["ts"])
    await until_over(house)


@pytest.mark.parametrize("opened", ["", "guests", "external"])
async def test_the_shortcut_runs_agents_for_those_who_may_ask(slack: SlackServer, house: House, opened: str) -> None:
    if opened:
        await slack.command(f"allow {opened}", user=DANA)
        await house.bot.background.drain(10)
    ts = await slack.say("We could use Postgres", user=LEE)
    message = slack.workspace.message(PLATFORM, ts)
    may = INSIDE | OPENED_TO.get(opened, set())
    for name in PEOPLE:
        user = id_of(name)
        await choose(slack, MESSAGE_SHORTCUT, user, message, PLATFORM)
        await house.bot.background.drain(10)
        if any(view["user"] == user for view in slack.workspace.views.values()):
            await slack.submit({"request": {"request": "SQLite or PostgreSQL?"}}, user=user)
            await house.bot.background.drain(10)
        assert (name, runs(house, user)) == (name, 1 if name in may else 0)


async def test_the_shortcut_reads_no_message_of_a_conversation_one_is_not_in(slack: SlackServer, house: House) -> None:
    ts = await slack.say("The secret is marmalade", user=DANA, channel=SECRET)
    message = slack.workspace.message(SECRET, ts)
    for name in PEOPLE:
        user = id_of(name)
        await choose(slack, MESSAGE_SHORTCUT, user, message, SECRET)
        await house.bot.background.drain(10)
        if any(view["user"] == user for view in slack.workspace.views.values()):
            await slack.submit({"request": {"request": "Repeat it"}}, user=user)
            await house.bot.background.drain(10)
        assert (name, runs(house, user), "marmalade" in seen_by(slack, user)) == (name, 0, False)


async def test_run_again_shows_a_request_to_those_who_may_read_it(slack: SlackServer, house: House) -> None:
    dm = slack.workspace.dm(DANA).id
    for channel in (SECRET, dm, PLATFORM):
        run = await asked_by_dana(slack, house, channel)
        message = {"user": BOT_USER, "ts": "1.1", "blocks": [{"block_id": f"{run}:opening", "type": "section"}]}
        for name in PEOPLE:
            await choose(slack, RUN_AGAIN, id_of(name), message, PLATFORM)
            await house.bot.background.drain(10)
            views = [json.dumps(view) for view in slack.workspace.views.values() if view["user"] == id_of(name)]
            may = channel == PLATFORM and name in INSIDE
            assert (channel, name, any("SQLite or PostgreSQL" in view for view in views)) == (channel, name, may)


async def test_the_thread_of_a_message_is_not_read_for_who_has_left_since(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    secret = slack.workspace.channels[SECRET]
    secret.members.add(LEE)
    ts = await slack.say("The plan is here", user=DANA, channel=SECRET)
    await choose(slack, MESSAGE_SHORTCUT, LEE, slack.workspace.message(SECRET, ts), SECRET)
    await slack.wait_for(lambda: slack.workspace.views, timeout_s=WAIT_S)
    secret.members.discard(LEE)
    await slack.say("Lee must not know: marmalade", user=DANA, channel=SECRET, thread_ts=ts)
    (view,) = slack.workspace.views.values()
    view["private_metadata"] = json.dumps({**json.loads(view["private_metadata"]), "channel": PLATFORM})
    await slack.submit({"request": {"request": "use answer: what is it?"}}, user=LEE)
    await until_over(house)
    assert "The plan is here" in str(provider.calls[-1].body)
    assert "marmalade" not in str([call.body for call in provider.calls])

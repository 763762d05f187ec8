"""Who may let a tool act, cell by cell over signed payloads: what a client sends is a claim, never a permission."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.commands.origin import Origin
from bot.messages.action_ids import (
    OUTCOME_AGAIN,
    OUTCOME_DONE,
    REVIEW_APPROVE,
    REVIEW_STOP,
    RUN_CONFIRM,
    TOOL_APPROVE,
    TOOL_DENY,
    TOOL_MENU,
)
from patterns.core.errors import ParkedError, UserError
from patterns.core.questions import Question
from patterns.core.tools import AskedCall
from storage.run_rows import RunRow
from storage.tool_grants import ToolGrants
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.integration.test_permissions import ADMINS, INSIDE, PEOPLE, id_of
from tests.support.later import reminders
from tests.support.running_bot import House
from tests.support.signed import hearing

PLATFORM, DANA, LEE = "C0PLATFORM", "U0DANA", "U0LEE"
CALL = AskedCall(agent="writer", tool="tickets.create_issue", arguments='{"title": "x"}', schema_hash="of it")
EVERYBODY = [*PEOPLE, "owner", "lee"]
NAMED = ("member", "guest")


def user_of(name: str) -> str:
    return LEE if name == "lee" else id_of(name)


@pytest.fixture
async def house(slack: SlackServer, provider: Provider, tmp_path: Path) -> AsyncIterator[House]:
    for name, facts in {**PEOPLE, "owner": {}}.items():
        slack.workspace.add_user(id_of(name), name, **{"is_admin": False, **facts})
        slack.workspace.channels[PLATFORM].members.add(id_of(name))
    slack.workspace.users[DANA]["is_admin"] = True
    slack.workspace.add_channel("C0SECRET", "secret", {DANA, LEE, BOT_USER}, is_private=True)
    async with hearing(slack, provider, tmp_path, AGENTS_ADMINS="") as house:
        yield house


async def parked(slack: SlackServer, house: House, channel: str = PLATFORM) -> RunRow:
    """A request of Lee's that waits; from now on nothing is executed, so that questions stay as a test puts them."""
    await slack.command(f"budget owner <@{id_of('owner')}|owner>", user=DANA)
    await slack.command("use draft: exports are offline on Sunday", user=LEE, channel=channel)
    await slack.wait_for(lambda: RUN_CONFIRM in json.dumps(slack.messages(channel)))
    await house.until_no_run_is_open()
    (run,) = await house.bot.engine.store.recent(TEAM, LEE, most=1)
    return run


async def ask(house: House, run: RunRow, path: str, **more: Any) -> None:
    """A question about a tool beside what the run waits for."""
    question = Question(**{"kind": "tool", "title": CALL.tool, "calls": (CALL,), **more})
    with pytest.raises(ParkedError):
        await house.bot.engine.questions.ask(run.fence, path, question)


async def press(slack: SlackServer, house: House, user: str, action_id: str, value: str, choice: str = "") -> None:
    """Click what nobody drew, as a client of one's own can."""
    channel = PLATFORM
    payload = slack._who("block_actions", user)
    action: dict[str, Any] = {"type": "button", "action_id": action_id, "block_id": "forged", "action_ts": "1.2"}
    action |= {"block_id": value, "selected_option": {"value": choice}} if choice else {"value": value}
    place = {"channel": {"id": channel, "name": "x"}, "message": {"ts": "1.1", "user": BOT_USER}}
    url = slack._response_url(channel, user)
    await slack.deliver("interactive", {**payload, **place, "actions": [action], "response_url": url})
    await house.bot.background.drain(10)


async def decided(house: House, run: RunRow, path: str) -> str:
    found = await house.bot.engine.questions.find(run.id, path)
    assert found is not None
    return f"{found.decision.verdict} {found.decision.scope}" if found.decision else ""


def may(approve_by: str, opened: str) -> set[str]:
    """Who may decide, written down a second time."""
    return {
        "asker": {"lee", "owner", *ADMINS},
        "other": {"owner", *INSIDE},
        "owner": {"owner", *ADMINS},
        "named": {"member"} | ({"guest"} if opened == "guests" else set()),
    }[approve_by]


@pytest.mark.parametrize("opened", ["", "guests", "external"])
@pytest.mark.parametrize("approve_by", ["asker", "other", "owner", "named"])
async def test_only_those_whom_the_roster_means_let_a_tool_act(
    slack: SlackServer, house: House, approve_by: str, opened: str
) -> None:
    run = await parked(slack, house)
    if opened:
        await slack.command(f"allow {opened}", user=DANA)
        await house.bot.background.drain(10)
    approvers = tuple(map(id_of, NAMED)) if approve_by == "named" else ()
    for name in EVERYBODY:
        path = f"writer/turn/1/ask/{name}"
        await ask(house, run, path, approve_by=approve_by, approvers=approvers)
        before = len(slack.ephemerals(user_of(name)))
        await press(slack, house, user_of(name), TOOL_APPROVE, f"{run.id}:{path}")
        allowed = name in may(approve_by, opened)
        assert (name, await decided(house, run, path)) == (name, "approve once" if allowed else "")
        told = slack.ephemerals(user_of(name))[before:]
        assert (name, len(told)) == (name, 0 if allowed else 1), "no click is silent"


@pytest.mark.parametrize("approve_by", ["asker", "other", "owner"])
async def test_only_admins_have_a_tool_stop_asking(slack: SlackServer, house: House, approve_by: str) -> None:
    run = await parked(slack, house)
    grants = ToolGrants(house.bot.engine.db, house.bot.engine.clock)
    for name in EVERYBODY:
        path = f"writer/turn/1/ask/{name}"
        await ask(house, run, path, approve_by=approve_by)
        await press(slack, house, user_of(name), TOOL_MENU, f"{run.id}:{path}", "standing")
        assert (name, await decided(house, run, path)) == (name, "approve standing" if name in ADMINS else "")
    standing = await grants.standing(workspace=TEAM, channel=PLATFORM)
    assert [(one.grant.tool, one.grant.schema_hash) for one in standing] == [(CALL.tool, "of it")]
    assert {one.grant.given_by for one in standing} <= {id_of(name) for name in ADMINS}


@pytest.mark.parametrize(
    ("kind", "approve_by", "approvers", "called"),
    [
        ("tool", "asker", (), ("lee",)),
        ("tool", "other", (), ("lee",)),
        ("outcome", "owner", (), ("owner",)),
        ("tool", "named", NAMED, NAMED),
        ("approve", "asker", NAMED, ("lee", *NAMED)),
    ],
)
async def test_a_reminder_calls_everybody_for_whom_it_waits(
    slack: SlackServer, house: House, kind: str, approve_by: str, approvers: tuple[str, ...], called: tuple[str, ...]
) -> None:
    run = await parked(slack, house)
    whom = {"approve_by": approve_by, "approvers": tuple(map(id_of, approvers))}
    await ask(house, run, "writer/turn/1/ask/0", kind=kind, **whom, reminder_s=3600)
    await reminders(house, ahead_s=2 * 3600).process_waiting()
    (told,) = [m["text"] for m in slack.messages(PLATFORM) if re.search("the (call|draft) above", m["text"])]
    assert re.findall(r"<@(\w+)>", told) == [user_of(name) for name in called]


async def test_whoever_is_not_in_a_private_channel_decides_nothing_there(slack: SlackServer, house: House) -> None:
    run = await parked(slack, house, "C0SECRET")
    for name in [name for name in EVERYBODY if name != "lee"]:
        for approve_by in ("asker", "other", "owner", "named"):
            path = f"writer/turn/1/ask/{approve_by}/{name}"
            await ask(house, run, path, approve_by=approve_by, approvers=(id_of(name),))
            await press(slack, house, id_of(name), TOOL_APPROVE, f"{run.id}:{path}")
            assert (name, approve_by, await decided(house, run, path)) == (name, approve_by, "")


async def test_a_made_up_click_decides_nothing(slack: SlackServer, house: House) -> None:
    run = await parked(slack, house)
    path = "writer/turn/1/ask/0"
    await ask(house, run, path)
    await ask(house, run, "writer/turn/1/call/1/outcome", kind="outcome")
    tool, outcome = f"{run.id}:{path}", f"{run.id}:writer/turn/1/call/1/outcome"
    forged = [
        (REVIEW_STOP, tool, ""),  # not what its card offers
        (OUTCOME_DONE, tool, ""),
        (OUTCOME_AGAIN, tool, ""),
        (TOOL_APPROVE, outcome, ""),
        (REVIEW_APPROVE, outcome, ""),
        (TOOL_APPROVE, f"{run.id}:confirm", ""),  # a price is accepted on its own card
        (TOOL_APPROVE, f"{run.id}:nowhere", ""),
        (TOOL_APPROVE, f"r000000000000:{path}", ""),
        (TOOL_APPROVE, path, ""),
        (TOOL_MENU, f"{run.id}:confirm", "run"),
        (TOOL_MENU, tool, "everything"),
    ]
    for number, (action_id, value, choice) in enumerate(forged, start=1):
        await press(slack, house, LEE, action_id, value, choice)
        assert len(slack.ephemerals(LEE)) == number, (action_id, value)
    for one in (path, "writer/turn/1/call/1/outcome", "confirm"):
        assert await decided(house, run, one) == ""


async def test_another_workspace_knows_nothing_of_it(slack: SlackServer, house: House) -> None:
    run = await parked(slack, house)
    await ask(house, run, "writer/turn/1/ask/0")
    other = Origin("key", "T0ELSEWHERE", PLATFORM, LEE)
    with pytest.raises(UserError, match="I no longer have that question"):
        await reminders(house, ahead_s=0).reviews.decide(run.id, "writer/turn/1/ask/0", other, verdict="approve")
    assert await decided(house, run, "writer/turn/1/ask/0") == ""


async def test_a_form_of_a_denial_is_checked_again_when_it_is_sent(slack: SlackServer, house: House) -> None:
    run = await parked(slack, house)
    path = "writer/turn/1/ask/0"
    await ask(house, run, path)
    await press(slack, house, LEE, TOOL_DENY, f"{run.id}:{path}")
    (view,) = slack.workspace.views.values()
    view["user"] = id_of("member")
    await slack.submit({"reason": {"reason": "because"}}, user=id_of("member"))
    await house.bot.background.drain(10)
    assert await decided(house, run, path) == ""
    await press(slack, house, LEE, TOOL_DENY, f"{run.id}:{path}")
    await slack.submit({"reason": {"reason": "because"}}, user=LEE)
    await house.bot.background.drain(10)
    found = await house.bot.engine.questions.find(run.id, path)
    assert found is not None
    assert found.decision is not None
    assert (found.decision.verdict, found.decision.text, found.decision.user) == ("deny", "because", LEE)

"""Who may do what, over signed payloads: every kind of person at every door, in a closed and in an opened channel."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.messages.action_ids import FEEDBACK, HOME_BUDGET, HOME_SETTINGS, RUN_DETAILS
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.support.running_bot import House
from tests.support.signed import hearing

PLATFORM, SECRET, DANA, LEE = "C0PLATFORM", "C0SECRET", "U0DANA", "U0LEE"
ASK = "use answer: SQLite or PostgreSQL?"
ADMIN = {"is_admin": True, "is_owner": True, "is_primary_owner": True}
IN_ORG: dict[str, Any] = {"enterprise_id": "E1", "teams": [TEAM]}
PEOPLE: dict[str, dict[str, Any]] = {
    "member": {},
    "admin": {"is_admin": True},
    "org_admin": {"enterprise_user": {**IN_ORG, "is_admin": True}},
    "guest": {"is_restricted": True},
    "single_channel_guest": {"is_restricted": True, "is_ultra_restricted": True},
    "outsider": {"team_id": "T0ELSEWHERE"},
    "outsider_admin_at_home": {"team_id": "T0ELSEWHERE", **ADMIN},
    "other_workspace": {
        "team_id": "T0SISTER",
        **ADMIN,
        "enterprise_user": {**IN_ORG, "teams": ["T0SISTER"], "is_owner": True},
    },
    "bot": {"is_bot": True, **ADMIN},
    "deactivated": {"deleted": True, **ADMIN},
}
INSIDE = {"member", "admin", "org_admin"}
ADMINS = {"admin", "org_admin"}
OPENED_TO = {"guests": {"guest", "single_channel_guest"}, "external": {"outsider", "outsider_admin_at_home"}}
OPENED_TO["external"] |= {"other_workspace"}
Door = Callable[[SlackServer, str], Awaitable[Any]]


@pytest.fixture
async def house(slack: SlackServer, provider: Provider, tmp_path: Path) -> AsyncIterator[House]:
    for name, facts in PEOPLE.items():
        user = id_of(name)
        slack.workspace.add_user(user, name, **{"is_admin": False, **facts})
        slack.workspace.channels[PLATFORM].members.add(user)
    slack.workspace.users[DANA]["is_admin"] = True
    slack.workspace.add_channel(SECRET, "secret", {DANA, BOT_USER}, is_private=True)
    async with hearing(slack, provider, tmp_path, AGENTS_ADMINS="") as house:
        yield house


def id_of(name: str) -> str:
    return f"U0{name.upper().replace('_', '')}"


def seen_by(slack: SlackServer, user: str) -> str:
    return json.dumps([slack.ephemerals(user), slack.workspace.homes.get(user, {}), slack.workspace.views])


def audits(house: House, user: str) -> int:
    return house.ledger(f"SELECT COUNT(*) FROM audit WHERE actor = '{user}'")  # noqa: S608 - our own ids


def runs(house: House, user: str) -> int:
    return house.ledger(f"SELECT COUNT(*) FROM run WHERE user_id = '{user}'")  # noqa: S608 - our own ids


def levers() -> dict[str, Door]:
    """Everything that changes money, limits or access."""

    def typed(text: str) -> Door:
        return lambda slack, user: slack.command(text, user=user)

    money = ("budget set 77", "budget workspace 9999", "budget default 88", "budget pause", "budget user-cap 5")
    more = ('budget grant 5 "launch"', 'budget freeze "audit"', f"budget owner <@{LEE}|lee>")
    words = (*money, *more, "allow external", "allow guests")
    return {text: typed(text) for text in words}


async def asked_by_dana(slack: SlackServer, house: House, channel: str) -> str:
    """The id of an answered request."""
    await slack.command(ASK, user=DANA, channel=channel)
    await house.bot.background.drain(10)
    await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE status <> 'done'") == 0)
    (latest, *_) = await house.bot.engine.store.recent(TEAM, DANA)
    return latest.id


async def press(slack: SlackServer, user: str, action_id: str, value: str, channel: str = PLATFORM) -> None:
    """Click what nobody drew, as a client of one's own can."""
    payload = slack._who("block_actions", user)
    action = {"type": "button", "action_id": action_id, "block_id": "forged", "value": value, "action_ts": "1.2"}
    place = {"channel": {"id": channel, "name": "x"}, "message": {"ts": "1.1", "user": BOT_USER}}
    url = slack._response_url(channel, user)
    await slack.deliver("interactive", {**payload, **place, "actions": [action], "response_url": url})


@pytest.mark.parametrize("opened", ["", "guests", "external"])
async def test_each_door_knows_who_may_ask(slack: SlackServer, house: House, opened: str) -> None:
    if opened:
        await slack.command(f"allow {opened}", user=DANA)
        await house.bot.background.drain(10)
    may = INSIDE | OPENED_TO.get(opened, set())
    for name in PEOPLE:
        user = id_of(name)
        await slack.command(ASK, user=user)
        await slack.say(f"<@{BOT_USER}> {ASK}", user=user)
        await slack.command(f"estimate {ASK}", user=user)
        await house.bot.background.drain(10)
        assert (name, runs(house, user)) == (name, 2 if name in may else 0)
        assert (name, "at most" in seen_by(slack, user)) == (name, name in may)


@pytest.mark.parametrize("opened", ["", "external"])
async def test_levers_are_for_those_who_belong_here_and_administer(
    slack: SlackServer, house: House, opened: str
) -> None:
    if opened:
        await slack.command("allow external", user=DANA)
        await slack.command("allow guests", user=DANA)
    for name in PEOPLE:
        if name in ADMINS:
            continue
        user = id_of(name)
        for pull in levers().values():
            await pull(slack, user)
        await slack.command("settings", user=user)
        await press(slack, user, HOME_BUDGET, PLATFORM)
        await press(slack, user, HOME_SETTINGS, PLATFORM)
        await slack.command("budget all", user=user)
        await slack.command("budget audit", user=user)
        await house.bot.background.drain(10)
        assert (name, audits(house, user)) == (name, 0)
        assert (name, slack.workspace.views) == (name, {})
        assert "The workspace" not in seen_by(slack, user)
    assert house.ledger("SELECT COUNT(*) FROM workspace WHERE paused = 1") == 0


@pytest.mark.parametrize("name", sorted(ADMINS))
async def test_admins_pull_every_lever(slack: SlackServer, house: House, name: str) -> None:
    for pull in levers().values():
        await pull(slack, id_of(name))
        await house.bot.background.drain(10)
    assert audits(house, id_of(name)) == len(levers())


async def test_rights_are_read_anew_when_money_changes(slack: SlackServer, house: House) -> None:
    admin = id_of("admin")
    await slack.command("budget set 77", user=admin)
    await house.bot.background.drain(10)
    slack.workspace.users[admin]["is_admin"] = False
    for text in ("budget set 1000", "budget workspace 9999", "allow external"):
        await slack.command(text, user=admin)
    await house.bot.background.drain(10)
    assert audits(house, admin) == 1


async def test_guests_and_outsiders_see_no_totals_of_the_workspace(slack: SlackServer, house: House) -> None:
    for opened in OPENED_TO:
        await slack.command(f"allow {opened}", user=DANA)
        await house.bot.background.drain(10)
    await slack.command("budget workspace 0.001", user=DANA)
    await house.bot.background.drain(10)
    for name in PEOPLE:
        user = id_of(name)
        await slack.command("balance", user=user)
        await slack.command(ASK, user=user)
        await slack.open_home(user=user)
        await house.bot.background.drain(10)
        shown = seen_by(slack, user)
        assert (name, "is left in the workspace" in shown) == (name, name in INSIDE)
    assert "the workspace has less than that left" in seen_by(slack, id_of("outsider"))


async def test_an_id_of_a_run_is_no_permission(slack: SlackServer, house: House) -> None:
    for opened in OPENED_TO:
        await slack.command(f"allow {opened}", user=DANA)
        await house.bot.background.drain(10)
    dm = slack.workspace.dm(DANA).id
    slack.workspace.users[id_of("admin")]["is_admin"] = True
    for channel in (SECRET, dm):
        run = await asked_by_dana(slack, house, channel)
        for name in PEOPLE:
            user = id_of(name)
            await press(slack, user, RUN_DETAILS, run)
            await press(slack, user, FEEDBACK, f"up:{run}")
            await house.bot.background.drain(10)
            assert (name, run in seen_by(slack, user)) == (name, False)
    assert house.ledger("SELECT COUNT(*) FROM feedback") == 0
    public = await asked_by_dana(slack, house, PLATFORM)
    for name in PEOPLE:
        await press(slack, id_of(name), RUN_DETAILS, public)
        await house.bot.background.drain(10)
        may = name in INSIDE | OPENED_TO["guests"] | OPENED_TO["external"]
        assert (name, public in seen_by(slack, id_of(name))) == (name, may)


async def test_feedback_takes_its_own_values_only(slack: SlackServer, house: House) -> None:
    run = await asked_by_dana(slack, house, PLATFORM)
    for value in ("great", "", "UP", "up; DROP TABLE run"):
        await press(slack, DANA, FEEDBACK, f"{value}:{run}")
    await house.bot.background.drain(10)
    assert house.ledger("SELECT COUNT(*) FROM feedback") == 0
    await press(slack, DANA, FEEDBACK, f"up:{run}")
    await house.bot.background.drain(10)
    assert house.ledger("SELECT COUNT(*) FROM feedback WHERE value = 'up'") == 1


async def test_a_form_cannot_name_a_channel_one_is_not_in(slack: SlackServer, house: House) -> None:
    await slack.command("", user=LEE)
    await slack.wait_for(lambda: slack.workspace.views)
    (view,) = slack.workspace.views.values()
    view["private_metadata"] = json.dumps({**json.loads(view["private_metadata"]), "channel": SECRET})
    await slack.submit({"request": {"request": "spend their money"}}, user=LEE)
    await house.bot.background.drain(10)
    assert (slack.messages(SECRET), runs(house, LEE)) == ([], 0)
    assert "You are not in that conversation" in seen_by(slack, LEE)


async def test_a_payload_that_names_another_workspace_is_read_as_ours(slack: SlackServer, house: House) -> None:
    """In a shared channel Slack may name the clicker's own workspace, where they are a member and an admin."""
    user = id_of("outsider_admin_at_home")
    await slack.command("help", user=DANA)  # the token's own workspace is known from now on
    slack.workspace.team = "T0ELSEWHERE"
    for text in ("budget workspace 9999", "budget all", ASK):
        await slack.command(text, user=user)
    slack.workspace.team = TEAM
    await house.bot.background.drain(10)
    assert (audits(house, user), runs(house, user)) == (0, 0)
    assert "The workspace" not in seen_by(slack, user)

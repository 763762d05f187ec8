"""The app's home over a strict Slack: of channels it shows what a person could read there, and nothing more."""

import json

import pytest

from bot.manifest import needed_scopes, optional_scopes
from bot.messages.action_ids import MENTION_ME, OWN_WORDS, TEST_REQUEST
from bot.threads import run_views
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.support.running_bot import House
from tests.support.shells import Shell

SECRET, LEE, DANA = "C0SECRET", "U0LEE", "U0DANA"
FIRST_S = 60
"""Seconds: the first request of a process waits for litellm."""


@pytest.fixture
def slack(slack: SlackServer) -> SlackServer:
    slack.workspace.add_channel(SECRET, "secret", {LEE, "U0DANA", BOT_USER}, is_private=True)
    return slack


async def shown_to(slack: SlackServer, user: str) -> str:
    """The home as somebody finds it who opens it now."""
    slack.workspace.homes.pop(user, None)
    await slack.open_home(user=user)
    return json.dumps(await slack.wait_for(lambda: slack.workspace.homes.get(user), FIRST_S), ensure_ascii=False)


@pytest.mark.usefixtures("house")
async def test_a_private_channels_balance_is_for_its_members(slack: SlackServer) -> None:
    await slack.command("use answer: SQLite or PostgreSQL?", channel=SECRET, user=LEE)
    await slack.wait_for(
        lambda: any("run_details" in str(m["blocks"]) for m in slack.messages(SECRET) if m["user"] == BOT_USER) or None,
        FIRST_S,
    )
    home = await shown_to(slack, LEE)
    assert "#secret: $24.99 left of $25.00" in home
    assert "SQLite or PostgreSQL?" in home
    slack.workspace.channels[SECRET].members.discard(LEE)
    home = await shown_to(slack, LEE)
    assert "#secret" not in home
    assert "SQLite or PostgreSQL?" in home


@pytest.mark.usefixtures("house")
async def test_what_waits_is_shown_to_who_may_decide_it(slack: SlackServer) -> None:
    await slack.command("use postmortem: checkout was <!channel> down", user=LEE)
    await slack.wait_for(lambda: any("This costs" in m["text"] for m in slack.messages()) or None, FIRST_S)
    home = await shown_to(slack, LEE)
    assert "A price to accept: about $" in home
    assert "Decide" in home
    assert "<!channel>" not in home
    assert "Waiting for you" not in await shown_to(slack, "U0DANA")


# ---------------------------------------------------------------- one's own settings


def answers(slack: SlackServer) -> list[str]:
    """What stands in the channel as answers."""
    return [message["text"] for message in slack.messages() if "once two programs write" in message["text"]]


async def test_whoever_waited_is_mentioned_unless_they_switched_it_off(
    slack: SlackServer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_views, "LONG_RUN_S", -1)
    mentions = 0
    for asked, is_on in enumerate((True, False, True), 1):
        await slack.command("use answer: SQLite or PostgreSQL?", user=LEE)
        await slack.wait_for(lambda asked=asked: len(answers(slack)) == asked, FIRST_S)
        mentions += is_on
        assert sum(f"<@{LEE}>, your answer is ready." in text for text in answers(slack)) == mentions
        home = await shown_to(slack, LEE)
        assert f"in threads that a command opened: {'on' if is_on else 'off'}." in home
        if asked < 3:
            await slack.press_at_home(MENTION_ME, user=LEE)
            await house.bot.background.drain(10)
            said = json.dumps(slack.workspace.homes[LEE])
            assert f"in threads that a command opened: {'off' if is_on else 'on'}." in said
    assert house.ledger("SELECT COUNT(*) FROM preference") == 1


async def test_guests_change_their_settings_and_see_no_totals(slack: SlackServer, house: House) -> None:
    await slack.command("use answer: SQLite or PostgreSQL?", user=DANA)
    await house.until_no_run_is_open()
    slack.workspace.users[LEE]["is_restricted"] = True
    home = await shown_to(slack, LEE)
    assert "Guests can only ask where an admin allowed it" in home
    for words in ("$", "the workspace", "Budgets", "For admins"):
        assert words not in home
    await slack.press_at_home(MENTION_ME, user=LEE)
    await house.bot.background.drain(10)
    assert "in threads that a command opened: off." in json.dumps(slack.workspace.homes[LEE])
    await slack.press_at_home(OWN_WORDS, user=LEE)
    await house.bot.background.drain(10)
    page = next(view for view in slack.workspace.views.values() if view["type"] == "modal")
    assert "1 setting that you changed" in json.dumps(page)


async def test_the_month_adds_up_to_what_the_ledger_says(slack: SlackServer, house: House) -> None:
    await slack.command("use decide: SQLite or PostgreSQL?", user=LEE)
    await slack.wait_for(lambda: any("Take SQLite now" in one["text"] for one in slack.messages()), FIRST_S)
    await house.until_no_run_is_open()
    await shown_to(slack, LEE)
    texts = [block["text"]["text"] for block in slack.workspace.homes[LEE]["blocks"] if block["type"] == "section"]
    (spent,) = [text for text in texts if text.startswith("You spent $")]
    weeks = [text for text in texts if text.startswith(("█", "░")) and "left of" not in text]
    assert house.spent_nusd() > 0
    assert weeks
    assert sum("█" in week for week in weeks) == 1
    assert "$0.0" in spent


# ---------------------------------------------------------------- admins


@pytest.mark.usefixtures("house")
async def test_an_admin_s_checklist_is_read_from_the_system(slack: SlackServer) -> None:
    slack.workspace.granted = {*needed_scopes(), *optional_scopes()} - {"files:write", "groups:read"}
    await slack.command("balance")
    home = await shown_to(slack, DANA)
    for words in (
        "⚠️ Permissions: 18 of 20 scopes are granted. Update the app to agents manifest, then reinstall it.",
        "⚠️ groups:read is missing. I do not answer in private channels",
        "✅ Switched off without files:write: Budget reports have no picture",
        "✅ Text goes to a model on the machine that runs me. I keep texts for 90 days",
        "the workspace $100.00, a channel $25.00, one person's direct messages $5.00, no limit for one person",
        "✅ No channel is on trial or waits to be enabled.",
        "✅ People ask Dana for more budget.",
        "⚠️ No backup yet",
    ):
        assert words in home
    assert "For admins" not in await shown_to(slack, LEE)


async def test_a_backup_by_the_shell_is_known_at_home(slack: SlackServer, house: House) -> None:
    process = await Shell(house.settings.data_dir, "http://127.0.0.1:9/v1").start(
        "backup", str(house.settings.data_dir / "copy.db")
    )
    out, err = await process.communicate()
    assert (process.returncode, b"is a sound copy" in out, err) == (0, True, b"")
    home = await shown_to(slack, DANA)
    assert "✅ Last backup: " in home


async def test_owners_of_budgets_are_named(slack: SlackServer, house: House) -> None:
    await slack.command(f"budget owner <@{LEE}|lee>")
    await house.bot.background.drain(10)
    assert "Owners of budgets: #platform: Lee." in await shown_to(slack, DANA)


async def test_a_test_request_runs_once_in_direct_messages(slack: SlackServer, house: House) -> None:
    await shown_to(slack, DANA)
    await slack.press_at_home(TEST_REQUEST)
    private = slack.workspace.dm(DANA).id
    await slack.wait_for(lambda: any("run_details" in str(m["blocks"]) for m in slack.messages(private)), FIRST_S)
    await house.until_no_run_is_open()
    done = "SELECT COUNT(*) FROM run WHERE status = 'done' AND channel_kind = 'dm' AND flow = 'answer'"
    assert house.ledger(done) == 1
    assert house.spent_nusd() > 0
    assert "Say in one sentence that you received this test request." in await shown_to(slack, DANA)


# ---------------------------------------------------------------- declined scopes


async def test_without_optional_scopes_each_feature_is_off_with_a_sentence(slack: SlackServer, house: House) -> None:
    slack.workspace.granted = set(needed_scopes())
    await slack.say("thanks!", user=LEE, channel=slack.workspace.dm(LEE).id)
    await slack.command("use answer: SQLite or PostgreSQL?", user=LEE)
    await slack.wait_for(lambda: answers(slack), FIRST_S)
    assert (slack.workspace.reactions, house.ledger("SELECT COUNT(*) FROM run")) == ([], 1)
    await slack.command("budget report", user=DANA)
    await house.bot.background.drain(10)
    said = json.dumps([*slack.messages(), *slack.ephemerals(DANA)], ensure_ascii=False)
    assert "I could not attach the files. The app lacks a permission for this." in said
    await shown_to(slack, LEE)
    await slack.press_at_home(OWN_WORDS, user=LEE)
    payload = {**slack._who("block_actions", LEE), "container": {"type": "view"}}
    action = {"type": "button", "action_id": "own_words_download", "block_id": "b", "action_ts": "1.2"}
    await slack.deliver("interactive", {**payload, "actions": [action], "state": {"values": {}}})
    await house.bot.background.drain(10)
    private = json.dumps(slack.messages(slack.workspace.dm(LEE).id))
    assert "I cannot send you a file: the app lacks files:write." in private
    assert slack.workspace.files == {}

"""How admins' settings, pointed-at messages and long answers look in a strict Slack."""

from typing import Any

import pytest

from bot.people.channel_rules import StoredRules
from storage.channels import ChannelSettings
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import APP_ID, BOT_USER, TEAM
from tests.fakes.team import Team
from tests.support.running_bot import House

PLATFORM, OTHER, DM = "C0PLATFORM", "C0OTHER", "D0DANA"
DANA, LEE = "U0DANA", "U0LEE"
ASK = "use answer: SQLite or PostgreSQL?"
ANSWER = "once two programs write"
LONG = "\n\n".join(f"## Part {n}\n\n" + "".join(f"Point {k} matters. " for k in range(n, n + 200)) for n in range(8))


class Teller(Team):
    """Says what `text` says, when it is set."""

    text = ""

    def __call__(self, call: Call) -> Reply:
        said = super().__call__(call)
        return Reply(self.text) if self.text and call.schema is None else said


@pytest.fixture
def team() -> Teller:
    return Teller()


def said(slack: SlackServer, text: str, channel: str = PLATFORM) -> list[dict[str, Any]]:
    return [m for m in slack.messages(channel) if m["user"] == BOT_USER and text in m["text"]]


async def until_answered(slack: SlackServer, times: int = 1, channel: str = PLATFORM) -> None:
    await slack.wait_for(lambda: len(said(slack, ANSWER, channel)) == times)


async def test_an_admin_opens_a_channel_to_everybodys_replies(slack: SlackServer, house: House) -> None:
    slack.workspace.users[DANA]["is_admin"] = True
    await slack.command("settings")
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit({"replies": {"replies": "free"}})
    await slack.wait_for(lambda: said(slack, "which replies I take from"))
    root = await slack.say(f"<@{BOT_USER}> {ASK}")
    await until_answered(slack)
    await slack.say("use answer: and MySQL?", user=LEE, thread_ts=root)
    await until_answered(slack, 2)
    kept = await StoredRules(ChannelSettings(house.bot.engine.db, house.bot.engine.clock)).rules(
        workspace=TEAM, channel=PLATFORM
    )
    assert kept.replies == "free"
    assert house.ledger("SELECT COUNT(*) FROM audit WHERE action = 'channel settings'") == 1


async def test_a_quiet_channel_sees_the_beginning_and_the_answer(slack: SlackServer, house: House) -> None:
    rules = ChannelSettings(house.bot.engine.db, house.bot.engine.clock)
    await rules.save({"quiet": True}, workspace=TEAM, channel=PLATFORM, actor=DANA)
    await slack.command(ASK)
    await until_answered(slack)
    await house.until_no_run_is_open()
    _root, answer = slack.messages()
    assert answer["edits"] == 1


async def shortcut(slack: SlackServer, channel: str, ts: str) -> None:
    """Choose the shortcut on a message, ask what happened."""
    message = slack.workspace.message(channel, ts)
    await slack.deliver(
        "interactive",
        {
            "type": "message_action",
            "callback_id": "run_agents",
            "token": "verification",
            "api_app_id": APP_ID,
            "team": {"id": TEAM, "domain": "agents"},
            "user": {"id": DANA, "name": "dana", "team_id": TEAM},
            "channel": {"id": channel, "name": slack.workspace.channels[channel].name},
            "message_ts": ts,
            "message": message,
            "trigger_id": slack.workspace.trigger(DANA),
            "response_url": f"{slack.base}/response/none",
        },
    )
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit({"request": {"request": "what happened?"}})


async def test_a_message_pointed_at_is_read_with_its_thread(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    ts = await slack.say("The exports were late", user=LEE)
    await slack.say("Because the disk was full", user=LEE, thread_ts=ts)
    await shortcut(slack, PLATFORM, ts)
    await slack.wait_for(lambda: said(slack, "Read 2 messages."))
    await until_answered(slack)
    assert {m["thread_ts"] for m in said(slack, "")} == {ts}
    assert "Because the disk was full" in str(provider.calls[-1].body)
    assert house.held_nusd() == 0


async def test_where_we_are_outside_the_message_alone_is_read(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    ts = await slack.say("The exports were late", channel=OTHER)
    await shortcut(slack, OTHER, ts)
    alone = "Read 1 message. I see only that one message, because I am not where it was written."
    await slack.wait_for(lambda: said(slack, alone, DM))
    await until_answered(slack, channel=DM)
    assert "The exports were late" in str(provider.calls[-1].body)
    assert house.held_nusd() == 0


async def test_a_long_answer_also_comes_as_a_file(slack: SlackServer, team: Teller, house: House) -> None:
    team.text = LONG
    await slack.command(ASK)
    await slack.wait_for(lambda: [m for m in slack.messages() if m.get("files")])
    await house.until_no_run_is_open()
    (shown,) = [m for m in slack.messages() if m.get("files")]
    (file,) = slack.workspace.files.values()
    assert shown["thread_ts"] == slack.messages()[0]["ts"]
    assert (file["name"][:7], file["name"][-3:]) == ("answer-", ".md")
    assert file["content"].decode() == LONG
    assert len(said(slack, "Point 100 matters.")) > 3

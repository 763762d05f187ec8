"""The app's home over a strict Slack: of channels it shows what a person could read there, and nothing more."""

import json

import pytest

from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER

SECRET, LEE = "C0SECRET", "U0LEE"


@pytest.fixture
def slack(slack: SlackServer) -> SlackServer:
    slack.workspace.add_channel(SECRET, "secret", {LEE, "U0DANA", BOT_USER}, is_private=True)
    return slack


async def shown_to(slack: SlackServer, user: str) -> str:
    """The home as somebody finds it who opens it now."""
    slack.workspace.homes.pop(user, None)
    await slack.open_home(user=user)
    return json.dumps(await slack.wait_for(lambda: slack.workspace.homes.get(user)), ensure_ascii=False)


@pytest.mark.usefixtures("house")
async def test_a_private_channels_balance_is_for_its_members(slack: SlackServer) -> None:
    await slack.command("use answer: SQLite or PostgreSQL?", channel=SECRET, user=LEE)
    await slack.wait_for(
        lambda: any("run_details" in str(m["blocks"]) for m in slack.messages(SECRET) if m["user"] == BOT_USER) or None
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
    await slack.wait_for(lambda: any("This costs" in m["text"] for m in slack.messages()) or None)
    home = await shown_to(slack, LEE)
    assert "A price to accept: up to $0." in home
    assert "Decide" in home
    assert "<!channel>" not in home
    assert "Waiting for you" not in await shown_to(slack, "U0DANA")

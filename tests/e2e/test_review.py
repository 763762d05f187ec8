"""The review conversation in a browser: a draft is rejected, improved, changed by a reply, and approved."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Call, Provider, Reply
from tests.support.running_bot import House, open_house

REQUEST = "tell all customers that exports are offline on Sunday from 8 to 10 UTC"
DRAFTS = (
    "Dear customers,\n\nwe are going to do some maintenance. Exports may not always work for a while this weekend.",
    (
        "**Exports are offline on Sunday, 8 to 10 UTC.**\n\nDear customers,\n\nscheduled exports run at 10 UTC "
        "instead; you do not have to do anything. Exports you start yourself work again from 10 UTC."
        "\n\nThe [team name] team"
    ),
    (
        "**Exports are offline on Sunday, 8 to 10 UTC.**\n\nScheduled exports run at 10 UTC instead; you do not have "
        "to do anything.\n\nThe [team name] team"
    ),
)


class Desk:
    """A writer with three drafts, and a critic who accepts from the second one on."""

    def __init__(self) -> None:
        self.wishes: list[str] = []

    def __call__(self, call: Call) -> Reply:
        if call.schema is None:
            self.wishes.append(call.user)
            return Reply(DRAFTS[len(self.wishes) - 1], delay_s=0.3)
        is_good = len(self.wishes) > 1
        criteria = [
            {"criterion": "The point is in the first line", "met": is_good, "change": "Open with Sunday, 8 to 10 UTC"},
            {"criterion": "What the reader must do cannot be missed", "met": is_good, "change": "Say it is nothing"},
            {"criterion": "The tone fits the occasion", "met": True, "change": ""},
        ]
        return Reply(json.dumps({"feedback": criteria, "score": 9 if is_good else 4, "accepted": is_good}), delay_s=0.3)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def house(local_slack: LocalSlack, desk: Desk, tmp_path: Path) -> AsyncIterator[House]:
    async with (
        Provider(desk) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path) as house,
    ):
        yield house


async def test_a_draft_is_reviewed_changed_by_a_reply_and_approved(
    house: House, local_slack: LocalSlack, page: Page, desk: Desk, tmp_path: Path
) -> None:
    slack = await SlackPage.open(page, local_slack.url)
    await slack.until_bot_is_connected()
    await slack.type(f"/agents use draft: {REQUEST}")
    await slack.open_thread(REQUEST)
    await slack.press("Run")
    await slack.until_thread_says("Round 1 · the next draft answers what is still open")
    await slack.until_thread_says("✗ The point is in the first line: Open with Sunday, 8 to 10 UTC")
    await slack.until_thread_says("scheduled exports run at 10 UTC instead")
    await slack.until_thread_says("write in this thread what should change")
    await slack.picture(tmp_path / "card.png")
    assert house.held_nusd() == 0
    await slack.reply("Shorter please, two sentences")
    await slack.until_thread_says("Ada asked for changes: Shorter please, two sentences")
    await slack.until_thread_says("The draft is ready · round 3")
    await slack.press("Approve")
    await slack.until_thread_says("Ada approved this draft · ")
    await slack.until_channel_says("✅ answered · draft")
    await slack.picture(tmp_path / "approved.png")
    assert "Shorter please, two sentences" in desk.wishes[2]
    answer = (await slack.thread())[-1]
    assert "Scheduled exports run at 10 UTC instead; you do not have to do anything." in answer
    assert house.held_nusd() == 0

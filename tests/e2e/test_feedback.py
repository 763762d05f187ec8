"""Speaking up between rounds, in a browser: by reply, by button, and not at all until the deadline."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from bot.settings import SHIPPED_ROSTER
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Call, Provider, Reply
from tests.support.later import reminders
from tests.support.running_bot import House, open_house

REQUEST = "tell all customers that exports are offline on Sunday"
DAY_S = 86_400


class Desk:
    """A writer whose drafts have numbers, and a critic who accepts the third."""

    def __init__(self) -> None:
        self.wishes: list[str] = []

    def __call__(self, call: Call) -> Reply:
        if call.schema is None:
            self.wishes.append(call.user)
            return Reply(f"Draft number {len(self.wishes)}: exports are offline on Sunday.", delay_s=0.2)
        number = len(self.wishes)
        is_good = number == len("abc")
        first = {"criterion": "The hours are named", "met": is_good, "change": "Name the hours"}
        return Reply(json.dumps({"feedback": [first], "score": 9 if is_good else 4 + number, "accepted": is_good}))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def house(local_slack: LocalSlack, desk: Desk, tmp_path: Path) -> AsyncIterator[House]:
    roster = SHIPPED_ROSTER.read_text("utf-8").replace("human: approve", "human: feedback")
    async with (
        Provider(desk) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, roster=roster) as house,
    ):
        yield house


async def test_people_speak_up_between_rounds_and_silence_lets_it_go_on(
    house: House, local_slack: LocalSlack, page: Page, desk: Desk, tmp_path: Path
) -> None:
    slack = await SlackPage.open(page, local_slack.url)
    await slack.until_bot_is_connected()
    await slack.type(f"/agents use draft: {REQUEST}")
    await slack.open_thread(REQUEST)
    await slack.press("Run")
    await slack.until_thread_says("The draft so far · round 1")
    await slack.until_thread_says("reply here with what should change, or let it continue.")
    await slack.until_thread_says("it continues by itself.")
    await slack.picture(tmp_path / "round_1.png")
    assert house.held_nusd() == 0
    await slack.reply("Mention that imports work")
    await slack.until_thread_says("Ada asked for changes: Mention that imports work")
    await slack.until_thread_says("The draft so far · round 2")
    await slack.press("Request changes")
    await slack.fill_in("What should change?", "Say whom to ask")
    await slack.press("Send")
    await slack.until_thread_says("Ada asked for changes: Say whom to ask")
    await slack.until_thread_says("The draft is ready · round 3")
    await slack.picture(tmp_path / "round_3.png")
    await reminders(house, ahead_s=4 * DAY_S).process_waiting()
    await slack.until_channel_says("✅ answered · draft")
    await slack.picture(tmp_path / "answered.png")
    assert ["Mention that imports work" in desk.wishes[1], "Say whom to ask" in desk.wishes[2]] == [True, True]
    assert len(desk.wishes) == len("abc")
    answer = (await slack.thread())[-1]
    assert "Draft number 3: exports are offline on Sunday." in answer
    assert house.held_nusd() == 0


async def test_go_on_needs_no_word(house: House, local_slack: LocalSlack, page: Page, desk: Desk) -> None:
    slack = await SlackPage.open(page, local_slack.url)
    await slack.until_bot_is_connected()
    await slack.type(f"/agents use draft: {REQUEST}")
    await slack.open_thread(REQUEST)
    await slack.press("Run")
    await slack.press("Go on")
    await slack.until_thread_says("Draft number 2")
    assert "Name the hours" in desk.wishes[1]
    await slack.press("Approve")
    await slack.until_channel_says("✅ answered · draft")
    assert "Draft number 2" in (await slack.thread())[-1]
    assert house.held_nusd() == 0

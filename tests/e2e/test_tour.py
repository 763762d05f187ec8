"""The tour as a newcomer plays it, in the browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from bot.demo.scripted_model import read_tour
from bot.demo.tour import open_tour
from bot.serve import listen
from bot.settings import read_settings
from tests.e2e.slack_page import SlackPage
from tests.support.running_bot import bot_environment

LABEL = "Scripted: no AI ran, play money"
ANSWER, DECISION, TEXT, TOO_MUCH = read_tour().stops
PACE = 0.3


@pytest.fixture
async def slack(local_slack: LocalSlack, page: Page, tmp_path: Path) -> AsyncIterator[SlackPage]:
    env = bot_environment(api_url=local_slack.api_url, provider_url="", folder=tmp_path)
    settings = read_settings(env)
    async with open_tour(settings, pace=PACE) as tour, listen(tour, settings, port=None):
        slack = await SlackPage.open(page, local_slack.url, channel="tour")
        await slack.until_bot_is_connected()
        yield slack


async def test_a_newcomer_plays_all_four(slack: SlackPage, tmp_path: Path) -> None:
    await slack.until_channel_says("The tour: what it is like with a good model.")
    await slack.picture(tmp_path / "list.png")
    for stop in (ANSWER, DECISION):
        await slack.type(stop.command)
        await slack.open_thread(stop.request)
        await slack.until_thread_says(f"{LABEL}Details")
        await slack.picture(tmp_path / f"{stop.flows[0]}.png")
    await slack.type(TEXT.command)
    await slack.open_thread(TEXT.request)
    await slack.until_thread_says("Approve")
    await slack.picture(tmp_path / "review.png")
    await slack.press("Approve")
    await slack.until_thread_says(f"{LABEL}Details")
    await slack.picture(tmp_path / "approved.png")
    await slack.type(TOO_MUCH.command)
    assert "$0.05 must be free before it starts, and $0.03 is left in #tour (" in await slack.privately("Not started")
    await slack.picture(tmp_path / "refused.png")
    await slack.type("What is the weather?")
    assert await slack.page.locator(".main .msg", has_text="not in the script").count() == 0
    await slack.type("/agents What is the weather?")
    assert DECISION.command in await slack.privately("not in the script")
    await slack.picture(tmp_path / "list-again.png")

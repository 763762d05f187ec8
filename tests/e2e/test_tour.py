"""The tour as a newcomer plays it, in the browser."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from bot.demo.tour import open_tour
from bot.demo.tour_script import read_tour
from bot.serve import listen
from bot.settings import read_settings
from tests.e2e.slack_page import SlackPage
from tests.support.running_bot import bot_environment

LABEL = "Scripted: no AI ran, play money"
ANSWER, DECISION, TEXT, ACTION, TOO_MUCH = read_tour().stops
PACE = 0.3


@pytest.fixture
async def slack(local_slack: LocalSlack, page: Page, tmp_path: Path) -> AsyncIterator[SlackPage]:
    env = bot_environment(api_url=local_slack.api_url, provider_url="", folder=tmp_path)
    settings = read_settings(env)
    async with open_tour(settings, pace=PACE) as tour, listen(tour, settings, port=None):
        slack = await SlackPage.open(page, local_slack.url, channel="tour")
        await slack.until_bot_is_connected()
        yield slack


async def test_a_newcomer_plays_all_five(slack: SlackPage, tmp_path: Path) -> None:
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
    await slack.type(ACTION.command)
    await slack.open_thread(ACTION.request)
    await slack.until_thread_says("clerk wants to use shop.refund_item for Ada's request.")
    await slack.picture(tmp_path / "card.png")
    await slack.press("Approve refund_item once")
    await slack.until_thread_says("Ada approved it once · ")
    await slack.until_thread_says(
        "Done: $38.00 for the desk lamp of order 1042 has been refunded, with receipt R-1042-1."
    )
    await slack.until_thread_says("1. Order 1042 · https://shop.example/orders/1042")
    await slack.until_thread_says("Looked up 2 sources")
    await slack.until_thread_says(f"{LABEL}Details")
    await slack.picture(tmp_path / "done.png")
    await slack.type(TOO_MUCH.command)
    refused = await slack.privately("Not started")
    assert re.search(r"\$0\.05 must be free before it starts, and \$0\.03\d* is left in #tour \(", refused)
    await slack.picture(tmp_path / "refused.png")
    await slack.type("What is the weather?")
    assert await slack.page.locator(".main .msg", has_text="not in the script").count() == 0
    await slack.type("/agents What is the weather?")
    assert DECISION.command in await slack.privately("not in the script")
    await slack.picture(tmp_path / "list-again.png")

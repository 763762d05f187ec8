"""A server that asks something, in a browser: its card, its form with a mistake in it, and the answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Provider
from tests.integration.test_forms_in_slack import Clerk, roster
from tests.support.running_bot import House, open_house


@pytest.fixture
async def house(local_slack: LocalSlack, tmp_path: Path) -> AsyncIterator[House]:
    async with (
        Provider(Clerk()) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, roster=roster("new")) as house,
    ):
        yield house


async def test_a_form_of_a_server_is_filled_in(
    house: House, local_slack: LocalSlack, page: Page, tmp_path: Path
) -> None:
    slack = await SlackPage.open(page, local_slack.url, person="Dana")
    await slack.until_bot_is_connected()
    await slack.type("/agents tools")
    await slack.press("Change")
    await page.get_by_text("desk.book (reads)").click()
    await page.locator(".modal").get_by_role("button", name="Save").click()
    await slack.until_channel_says("Dana switched on desk.book.")

    await slack.act_as("Ada")
    await slack.type("/agents use desk: book a room")
    await slack.open_thread("book a room")
    await slack.until_thread_says("desk asks something before desk.book can go on for Ada's request.")
    await slack.until_thread_says("How should a room be booked?")
    await slack.picture(tmp_path / "asked.png")
    await slack.press("Fill in")
    await slack.fill_in("How many", "12")
    await slack.picture(tmp_path / "server_form.png")
    await page.locator(".modal").get_by_role("button", name="Send").click()
    await page.get_by_text("Type a number from 1 to 9.").wait_for()
    await slack.picture(tmp_path / "mistake.png")
    await slack.fill_in("How many", "3")
    await page.locator(".modal").get_by_role("button", name="Send").click()
    await slack.until_thread_says("Ada answered it · ")
    await slack.until_thread_says("a room: accept")
    await slack.picture(tmp_path / "answered.png")
    assert house.held_nusd() == 0

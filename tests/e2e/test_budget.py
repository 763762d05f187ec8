"""Budgets as people meet them in a browser: a month of history, its report with a picture, and the levers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.demo.local_slack import ADA, DANA, TEAM, TRY_IT, LocalSlack
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from tests.e2e.slack_page import SlackPage
from tests.fakes.history import work_of_two_months
from tests.fakes.provider import Provider
from tests.fakes.team import Team
from tests.support.running_bot import House, open_house


@pytest.fixture
async def house(local_slack: LocalSlack, tmp_path: Path) -> AsyncIterator[House]:
    async with (
        Provider(Team()) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path) as house,
    ):
        yield house


@pytest.fixture
async def spent(house: House) -> str:
    """What this month came to before anybody looks, as people read it."""
    engine = house.bot.engine
    payer = Payer(TEAM, TRY_IT, "channel", "")
    nusd = await work_of_two_months(
        engine.db, engine.ledger.policy, payer, users=(ADA, DANA), now_us=engine.clock.now_us()
    )
    return format_usd(nusd)


@pytest.fixture
async def slack(house: House, spent: str, page: Page) -> SlackPage:  # noqa: ARG001 - the history comes first
    slack = await SlackPage.open(page, house.settings.slack_api_url.removesuffix("api/"))
    await slack.until_bot_is_connected()
    return slack


async def test_a_month_is_shown_privately_and_posted_with_its_picture(
    slack: SlackPage, page: Page, spent: str, tmp_path: Path
) -> None:
    await slack.act_as("Dana")
    await slack.type("/agents budget")
    private = await slack.privately("Budget of #try-it")
    assert f"{spent} of $25.00 spent" in private
    assert "By person (only admins see this)" in private
    assert "Your own share: $" in private
    await slack.picture(tmp_path / "private.png")
    await slack.press("Post to channel")
    await slack.open_thread("The picture is in the thread")
    picture = page.locator(".thread-body img").last
    await expect(picture).to_be_visible()
    await slack.picture(tmp_path / "report.png")
    public = next(text for text in await slack.channel() if "The picture is in the thread" in text)
    assert f"{spent} of $25.00 spent" in public
    assert ("By person" in public, "Your own share" in public) == (False, False)


async def test_the_report_with_numbers_is_readable_in_a_narrow_window(
    slack: SlackPage, page: Page, spent: str, tmp_path: Path
) -> None:
    await page.set_viewport_size({"width": 760, "height": 900})
    await slack.type("/agents budget report csv")
    await slack.until_channel_says(f"{spent} of $25.00 spent")
    await slack.picture(tmp_path / "narrow.png")
    await slack.open_thread("The picture and the numbers are in the thread")
    await slack.until_thread_says("as CSV")
    await slack.picture(tmp_path / "narrow-thread.png")


async def test_only_those_who_answer_for_money_change_it_and_the_channel_hears(slack: SlackPage, house: House) -> None:
    await slack.type("/agents budget set 50")
    refused = await slack.privately("Only admins of this workspace")
    assert "Ask Dana." in refused
    await slack.act_as("Dana")
    await slack.type('/agents budget set 50 "launch week"')
    await slack.until_channel_says(
        "Dana changed the monthly limit of #try-it from $25.00, the default, to $50.00 (launch week)."
    )
    await slack.type("/agents budget set 50,00")
    await slack.privately("50,00 could mean two amounts")
    await slack.type("/agents budget all")
    assert "#try-it" in await slack.privately("Budgets of the workspace")
    await slack.type("/agents budget audit")
    assert "changed the monthly limit: the default → $50.00 (launch week)" in await slack.privately(
        "Changes that concern #try-it"
    )
    assert house.ledger("SELECT limit_nusd FROM channel WHERE id = 'C0TRYIT'") == 50_000_000_000


async def test_the_form_has_the_current_values_and_says_what_is_wrong(
    slack: SlackPage, page: Page, house: House, tmp_path: Path
) -> None:
    await slack.act_as("Dana")
    await slack.type("/agents budget edit")
    field = page.locator(".modal .bk-input", has=page.get_by_text("Monthly limit, in dollars", exact=True))
    await expect(field.locator("input")).to_have_value("25.00")
    await slack.picture(tmp_path / "form.png")
    await slack.fill_in("Monthly limit, in dollars", "€50")
    await slack.fill_in("Time zone in which the month turns", "Mars/Base")
    await slack.press("Save")
    await expect(page.locator(".modal")).to_contain_text("€50 is not in US dollars")
    await expect(page.locator(".modal")).to_contain_text("I know no time zone 'Mars/Base'")
    await slack.fill_in("Monthly limit, in dollars", "40")
    await slack.fill_in("Time zone in which the month turns", "Europe/Paris")
    await slack.fill_in("Grant for this month only, in dollars", "10")
    await slack.press("Save")
    await slack.until_channel_says("Dana changed the monthly limit of #try-it from $25.00, the default, to $40.00.")
    await slack.until_channel_says("Dana granted #try-it $10.00 for")
    await slack.until_channel_says("turn from UTC to Europe/Paris from 1 ")
    assert house.ledger("SELECT COUNT(*) FROM audit WHERE actor = 'U0DANA'") == 3

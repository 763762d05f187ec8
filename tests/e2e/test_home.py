"""The app's home in a browser: what waits, what is left, one's own requests; for an admin the way to every budget."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.demo.local_slack import LocalSlack
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Provider
from tests.fakes.team import Team
from tests.support.running_bot import House, open_house

ANSWERED = "Should a small team use SQLite or PostgreSQL?"
DEAR = "checkout was down for an hour"


@pytest.fixture
async def house(local_slack: LocalSlack, tmp_path: Path) -> AsyncIterator[House]:
    async with (
        Provider(Team()) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path) as house,
    ):
        yield house


async def test_a_person_sees_theirs_and_an_admin_the_way_to_all_budgets(
    house: House, local_slack: LocalSlack, page: Page, tmp_path: Path
) -> None:
    slack = await SlackPage.open(page, local_slack.url)
    await slack.until_bot_is_connected()
    await slack.type(f"/agents use answer: {ANSWERED}")
    await slack.until_channel_says("✅ answered · answer")
    await slack.type(f"/agents use postmortem: {DEAR}")
    await slack.open_thread(DEAR)
    await slack.until_thread_says("Nothing is spent until you press Run.")
    await slack.go_to("agents")
    home = page.locator(".main")
    for words in (
        "In a channel: /agents compare",
        "Waiting for you",
        f"{DEAR}",
        "A price to accept: about $",
        "You spent $0.",
        "#try-it: $24.99 left of $25.00",
        "✋ waiting for a person · $0.00",
        "✅ answered · $0.",
        "████████████",
        "in threads that a command opened: on.",
    ):
        await expect(home).to_contain_text(words, timeout=30_000)
    for words in ("Limits of", "For admins"):
        await expect(home).not_to_contain_text(words)
    await slack.picture(tmp_path / "person.png")
    await slack.press("Switch off")
    await expect(home).to_contain_text("in threads that a command opened: off.", timeout=30_000)
    await slack.press("What you store about me")
    page_of_words = page.locator(".modal")
    for words in (
        "is deleted here after 90 days",
        "2 requests: where, when",
        "1 setting that you changed",
        "Erase my words",
    ):
        await expect(page_of_words).to_contain_text(words, timeout=30_000)
    await slack.picture(tmp_path / "own-words.png")
    await slack.press("Close")
    await slack.act_as("Dana")
    await slack.go_to("general")
    await slack.go_to("agents")
    await expect(home).to_contain_text("Budgets of the workspace", timeout=30_000)
    for words in (
        "None yet.",
        "Permissions: this Slack does not say which scopes it granted.",
        "Text goes to a model on the machine that runs me. I keep texts for 90 days",
        "People ask Dana for more budget.",
        "No backup yet",
    ):
        await expect(home).to_contain_text(words)
    await expect(home).not_to_contain_text(DEAR)
    await slack.picture(tmp_path / "admin.png")
    await slack.press("Limits of #try-it")
    await slack.fill_in("Monthly limit, in dollars", "40")
    await slack.press("Save")
    await slack.go_to("try-it")
    await slack.until_channel_says("Dana changed the monthly limit of #try-it from $25.00, the default, to $40.00.")
    assert house.ledger("SELECT limit_nusd FROM channel WHERE id = 'C0TRYIT'") == 40_000_000_000


async def test_an_admin_s_test_request_and_a_budget_typed_as_people_do(
    house: House, local_slack: LocalSlack, page: Page, tmp_path: Path
) -> None:
    slack = await SlackPage.open(page, local_slack.url, person="Dana")
    await slack.until_bot_is_connected()
    await slack.go_to("agents")
    home = page.locator(".main")
    await expect(home).to_contain_text("For admins: what is set up", timeout=30_000)
    await slack.press("Send a test request")
    await expect(home).to_contain_text("Say in one sentence that you received this test request.", timeout=30_000)
    await slack.go_to("try-it")
    await slack.type("/agents set budget 50")
    await expect(page.locator(".modal")).to_contain_text("Budget of #try-it", timeout=30_000)
    field = slack.field("Monthly limit, in dollars").locator("input")
    await expect(field).to_have_value("50.00")
    await slack.picture(tmp_path / "budget-form.png")
    await slack.press("Save")
    await slack.until_channel_says("Dana changed the monthly limit of #try-it from $25.00, the default, to $50.00.")
    assert house.ledger("SELECT limit_nusd FROM channel WHERE id = 'C0TRYIT'") == 50_000_000_000


async def test_a_pressed_enable_is_gone_from_the_card(local_slack: LocalSlack, page: Page, tmp_path: Path) -> None:
    roster = "extends: shipped\nbudgets: {new_channels: off}\n"
    async with (
        Provider(Team()) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, roster=roster) as house,
    ):
        slack = await SlackPage.open(page, local_slack.url)
        await slack.until_bot_is_connected()
        await slack.type(f"/agents use answer: {ANSWERED}")
        await slack.until_channel_says("This channel is not enabled yet, so nothing starts here.")
        await slack.picture(tmp_path / "card-before.png")
        await slack.press("Enable")
        await slack.privately("Only admins of this workspace and the owners of this channel's budget can change that.")
        await slack.act_as("Dana")
        await slack.press("Enable")
        await slack.until_channel_says("✅ Dana enabled this channel. It has $25.00 a month.")
        await expect(page.get_by_role("button", name="Enable", exact=True)).to_have_count(0)
        await slack.picture(tmp_path / "card-after.png")
        assert house.ledger("SELECT COUNT(*) FROM channel WHERE limit_nusd IS NULL") == 1

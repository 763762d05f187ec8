"""A search of the web in a browser: switched on by an admin, an answer with numbered sources, what it cost."""

from pathlib import Path

from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Call, Provider, Reply
from tests.support.running_bot import open_house

PAGES = [
    ("Claude Shannon | Britannica", "https://www.britannica.example/biography/Claude-Shannon"),
    ("<!channel> *Petoskey* & more", "https://petoskey.example/shannon?a=1&b=2"),
    ("A script", "javascript:alert(1)"),
]
ROSTER = """
extends: shipped
budgets: {new_channels: on}
flows:
  lookup: {description: Looks one thing up., examples: [Look it up, Find out, Search for it], agent: researcher}
"""


def researcher(call: Call) -> Reply:
    """A model that searches where it may, and cites what it found."""
    if not call.searches_max:
        return Reply("Claude Shannon was born in 1916, as far as I remember.")
    said = f"Claude Shannon was born in Petoskey in 1916 ([Britannica]({PAGES[0][1]})). More at https://evil.example/x"
    return Reply(said, searches=["claude shannon birthplace", "petoskey shannon"], pages=PAGES)


async def test_an_answer_says_which_pages_it_was_made_from(local_slack: LocalSlack, page: Page, tmp_path: Path) -> None:
    async with (
        Provider(researcher) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, roster=ROSTER) as house,
    ):
        slack = await SlackPage.open(page, local_slack.url, person="Dana")
        await slack.until_bot_is_connected()
        await slack.type("/agents use lookup: where was Claude Shannon born?")
        await slack.open_thread("where was Claude Shannon born?")
        await slack.until_thread_says("as far as I remember")
        assert [call.searches_max for call in provider.calls] == [0]

        await slack.type("/agents tools")
        await slack.press("Change")
        await page.get_by_text("web.search (reads)").click()
        await slack.picture(tmp_path / "form.png")
        await page.locator(".modal").get_by_role("button", name="Save").click()
        await slack.until_channel_says("Dana switched on web.search.")

        await slack.type("/agents use lookup: and in which town, exactly?")
        await slack.open_thread("and in which town, exactly?")
        await slack.until_thread_says("Looked up 2 sources")
        await slack.until_thread_says("1. Claude Shannon | Britannica")
        await slack.until_thread_says("evil.example/x (not from a source)")
        await slack.picture(tmp_path / "sources.png")
        assert provider.calls[-1].searches_max == 3
        assert (house.held_nusd(), house.ledger("SELECT COUNT(*) FROM call WHERE price_version LIKE '%*10000000'")) == (
            0,
            1,
        )
        await slack.press("Details")
        told = await slack.privately("web search (2)")
        assert "claude shannon birthplace" in told
        await slack.picture(tmp_path / "details.png")

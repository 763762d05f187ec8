"""Tools in a browser: switched on by an admin, cards that are approved or denied with a reason, sources."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from patterns.core.tools import ToolCall
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Call, Provider, Reply
from tests.integration.test_shell_tools import FUNCTIONS
from tests.integration.test_tool_cards import ROSTER, Clerk, cancelled
from tests.support.running_bot import House, open_house


@pytest.fixture
def clerk() -> Clerk:
    return Clerk()


@pytest.fixture
async def house(local_slack: LocalSlack, clerk: Clerk, tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    async with (
        Provider(clerk) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, roster=ROSTER) as house,
    ):
        yield house


async def test_a_tool_is_switched_on_asked_about_approved_and_denied(
    house: House, local_slack: LocalSlack, page: Page, clerk: Clerk, tmp_path: Path
) -> None:
    slack = await SlackPage.open(page, local_slack.url, person="Dana")
    await slack.until_bot_is_connected()
    await slack.type("/agents tools")
    await slack.privately("none is on")
    await slack.press("Change")
    await page.get_by_text("orders.find_order (reads)").click()
    await page.get_by_text("orders.cancel_order (acts, asks first)").click()
    await slack.picture(tmp_path / "form.png")
    await page.locator(".modal").get_by_role("button", name="Save").click()
    await slack.until_channel_says("Dana switched on orders.cancel_order, orders.find_order.")

    await slack.act_as("Ada")
    await slack.type("/agents dry run use orders: cancel order 7, to see what happens")
    await slack.open_thread("cancel order 7, to see")
    await slack.until_thread_says("A real run would also have called this")
    await slack.until_thread_says("• orders.cancel_order · number: 7")
    await slack.until_thread_says("· dry run")
    await slack.picture(tmp_path / "dry.png")
    assert cancelled(tmp_path) == []

    await slack.type("/agents use orders: cancel order 7, please")
    await slack.open_thread("cancel order 7, please")
    await slack.until_thread_says("clerk wants to use orders.cancel_order for Ada's request.")
    await slack.until_thread_says("Ada or an admin has to decide.")
    await slack.picture(tmp_path / "card.png")
    assert (house.held_nusd(), cancelled(tmp_path)) == (0, [])
    await slack.press("Approve cancel_order once")
    await slack.until_thread_says("Ada approved it once · ")
    await slack.until_thread_says("Looked up 1 source")
    await slack.until_thread_says("1. https://orders.example/7")
    await slack.picture(tmp_path / "approved.png")
    assert cancelled(tmp_path) == ["7"]
    await slack.press("Details")
    assert "approved by Ada" in await slack.privately("clerk: orders.find_order")
    await slack.picture(tmp_path / "details.png")

    await slack.type("/agents use orders: cancel order 7 again")
    await slack.open_thread("cancel order 7 again")
    await slack.press("Deny")
    await slack.fill_in("Why not?", "it is cancelled already")
    await slack.picture(tmp_path / "why.png")
    await page.locator(".modal").get_by_role("button", name="Deny").click()
    await slack.until_thread_says("Ada denied it: it is cancelled already · ")
    await slack.until_thread_says("It is done")
    await slack.picture(tmp_path / "denied.png")
    assert "The reason given: it is cancelled already" in clerk.results[-1]
    assert cancelled(tmp_path) == ["7"]


TWO = ROSTER.replace(
    "flows:\n",
    """  helper:
    description: Answers questions about orders too.
    model: fast
    prompt: You help with orders.
    tools: [orders]
    max_output_tokens: 300
    timeout_s: 60
flows:
  both: {description: Two at once., examples: [x, y, z], broadcast: {agents: [clerk, helper], synthesizer: editor}}
""",
)


def two_clerks(call: Call) -> Reply:
    """Each cancels an order, and one more when it has heard what came of the first; the editor says what they said."""
    if not call.tools:
        return Reply("Both have answered.")
    number = 8 if "You help" in call.system else 7
    if len(call.results) > 1:
        return Reply("I am done.")
    arguments = json.dumps({"number": number + 10 * len(call.results)})
    return Reply("", calls=(ToolCall(id=f"c{len(call.results)}", name="orders.cancel_order", arguments=arguments),))


async def test_cards_of_one_broadcast_are_decided_each_by_itself_in_the_other_order(
    local_slack: LocalSlack, page: Page, tmp_path: Path
) -> None:
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    async with (
        Provider(two_clerks) as provider,
        open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, roster=TWO),
    ):
        slack = await SlackPage.open(page, local_slack.url, person="Dana")
        await slack.until_bot_is_connected()
        await slack.type("/agents tools")
        await slack.privately("none is on")
        await slack.press("Change")
        await page.get_by_text("orders.cancel_order (acts, asks first)").click()
        await page.locator(".modal").get_by_role("button", name="Save").click()
        await slack.until_channel_says("Dana switched on orders.cancel_order.")
        await slack.type("/agents tools")
        await page.locator(".main select").last.select_option(label="orders.cancel_order")
        await slack.choose("In requests of", "Members of this workspace")
        await slack.picture(tmp_path / "for-whom.png")
        await page.locator(".modal").get_by_role("button", name="Save").click()
        await slack.until_channel_says("to “members of this workspace”.")

        await slack.act_as("Ada")
        await slack.type("/agents use both: cancel them")
        await slack.open_thread("cancel them")
        await slack.until_thread_says("clerk wants to use orders.cancel_order")
        await slack.until_thread_says("helper wants to use orders.cancel_order")
        await slack.picture(tmp_path / "two-cards.png")
        helpers = page.locator(".thread-body .msg", has_text="helper wants to use")
        await helpers.locator("select").select_option(label="Approve for this request (10 more calls at most)")
        await slack.until_thread_says("Ada approved it for this request · ")
        await slack.press("Deny")  # the clerk's card, which that approval has not touched
        await slack.fill_in("Why not?", "not this one")
        await page.locator(".modal").get_by_role("button", name="Deny").click()
        await slack.until_thread_says("Ada denied it: not this one · ")
        await slack.press("Approve cancel_order once")  # after a denial each further call asks
        await slack.until_thread_says("Both have answered.")
        await slack.picture(tmp_path / "both.png")
    assert sorted(cancelled(tmp_path)) == ["17", "18", "8"]

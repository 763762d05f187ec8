"""The main job in a browser: a person types, agents answer in the thread, the footer has the dollars of the ledger."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import LocalSlack
from patterns.core.money import format_usd
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Provider
from tests.fakes.team import Team
from tests.support.running_bot import House, open_house

QUESTION = "Should a small team use SQLite or PostgreSQL for its event log?"
FOOTER = re.compile(r"(\$[\d.]+) · [\d.]+ s · (\d+) agents?")
STOPPED_WITHIN_S = 2.0


@pytest.fixture
def team() -> Team:
    return Team()


@pytest.fixture
async def provider(team: Team) -> AsyncIterator[Provider]:
    async with Provider(team) as provider:
        yield provider


@pytest.fixture
async def house(local_slack: LocalSlack, provider: Provider, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path) as house:
        yield house


@pytest.fixture
async def slack(house: House, page: Page) -> SlackPage:
    slack = await SlackPage.open(page, house.settings.slack_api_url.removesuffix("api/"))
    await slack.until_bot_is_connected()
    return slack


async def test_a_typed_request_becomes_an_answer_paid_for_to_the_cent(
    slack: SlackPage, house: House, team: Team, tmp_path: Path
) -> None:
    team.delay_s = 1.2
    await slack.type(f"/agents use decide: {QUESTION}")
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("advocate")
    await slack.until_thread_says("(first estimate, from typical lengths) · $25.00 left in #try-it")
    await slack.until_channel_says("✅ answered · decide")
    await slack.picture(tmp_path / "thread.png")
    root, answer = await slack.thread()
    assert f"Ada asked:\n\n{QUESTION}" in root
    assert "Take SQLite now, and write the export that lets you leave it." in answer
    footer = FOOTER.search(answer)
    assert footer is not None
    assert footer.groups() == (format_usd(house.spent_nusd()), "5")
    assert house.spent_nusd() > 0
    assert house.held_nusd() == 0


async def test_details_are_shown_to_the_one_who_asks_for_them(slack: SlackPage, house: House) -> None:
    await slack.type(f"/agents use decide: {QUESTION}")
    await slack.open_thread(QUESTION)
    await slack.press("Details")
    details = await slack.privately("Run r")
    assert f"decide · {format_usd(house.spent_nusd())} · " in details
    assert "openai/gpt-5-mini: 4 calls" in details


async def test_what_is_looked_up_is_private_and_costs_nothing(slack: SlackPage, provider: Provider) -> None:
    for words, expected in (
        ("help", "Ask a team of agents"),
        ("flows", "decide: Four voices argue a choice"),
        ("agents", "sceptic: Looks for what makes the favoured option fail."),
        ("balance", "$25.00 is left in #try-it ($25.00 limit, $0.00 spent). It resets on "),
        ("runs", "No requests here yet."),
        ("estimate: use plan: a move", "at most $0.26 (first estimate, from typical lengths). Nothing was started."),
        ("stop", "Nothing of yours is running here."),
        ("use nobody: hello", "There is no flow"),
    ):
        await slack.type(f"/agents {words}")
        assert expected in await slack.privately(expected)
    assert provider.calls == []


async def test_a_near_miss_is_asked_about_and_then_run(slack: SlackPage) -> None:
    await slack.type("/agents bugdet")
    assert "Did you mean the command budget" in await slack.privately("Did you mean")
    await slack.press("Request")
    await slack.until_channel_says("✅ answered · answer")
    await slack.open_thread("bugdet")
    await slack.until_thread_says("PostgreSQL, once two programs write.")


async def test_the_form_asks_what_and_how_and_where(slack: SlackPage) -> None:
    await slack.type("/agents")
    await slack.fill_in("What should the agents do?", QUESTION)
    await slack.choose("How should they work?", "decide: about $0.03, at most $0.24")
    await slack.press("Ask")
    await slack.until_channel_says("✅ answered · decide")
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("5 agents")


async def test_a_mention_is_answered_in_its_own_thread(slack: SlackPage) -> None:
    await slack.type(f"@agents {QUESTION}")
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("1 agent")
    await slack.reply("@agents use decide: and for two teams?")
    await slack.until_thread_says("5 agents")
    assert await slack.page.locator(".main .msg").count() == 1


async def test_a_direct_message_needs_no_mention(slack: SlackPage) -> None:
    await slack.go_to("Ada")
    await slack.type(QUESTION)
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("1 agent")


async def test_stop_ends_a_run_within_two_seconds_and_says_what_was_paid(
    slack: SlackPage, house: House, team: Team, provider: Provider
) -> None:
    team.delay_s = 60
    await slack.type(f"/agents use decide: {QUESTION}")
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("⏳ advocate")
    began_s = time.monotonic()
    await slack.press("Stop")
    await slack.until_thread_says("Stopped after 0 of 5 steps")
    took_s = time.monotonic() - began_s
    assert took_s < STOPPED_WITHIN_S
    await slack.until_channel_says("⏹️ stopped")
    assert f"Stopped after 0 of 5 steps ({format_usd(house.spent_nusd())})." in (await slack.thread())[-1]
    assert (len(provider.calls), house.held_nusd()) == (4, 0)


async def test_an_expensive_plan_waits_for_a_yes(slack: SlackPage, house: House, provider: Provider) -> None:
    await slack.type("/agents use postmortem: checkout was down for an hour")
    await slack.open_thread("checkout was down")
    await slack.until_thread_says(
        "at most $0.50 (first estimate, from typical lengths). Nothing is spent until you press Run."
    )
    assert (provider.calls, house.held_nusd()) == ([], 0)
    await slack.press("Cancel")
    await slack.until_thread_says("Ada declined")
    await slack.until_channel_says("stopped")
    assert (provider.calls, house.spent_nusd()) == ([], 0)


async def test_the_price_card_runs_it_or_the_cheap_way(slack: SlackPage) -> None:
    await slack.type("/agents use postmortem: checkout was down for an hour")
    await slack.open_thread("checkout was down")
    await slack.press("Run")
    await slack.until_thread_says("Ada accepted the price")
    await slack.until_channel_says("✅ answered · postmortem")
    await slack.type("/agents use postmortem: search was slow")
    await slack.open_thread("search was slow")
    await slack.press("Use answer")
    await slack.until_thread_says("Ada chose the cheaper flow")
    await slack.until_thread_says("once two programs write")


@pytest.fixture
async def poor_slack(
    local_slack: LocalSlack, provider: Provider, page: Page, tmp_path: Path
) -> AsyncIterator[SlackPage]:
    """The same with nine cents a month in every channel."""
    async with open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, month_cap_nusd=90_000_000):
        slack = await SlackPage.open(page, local_slack.url)
        await slack.until_bot_is_connected()
        yield slack


async def test_what_the_channel_cannot_pay_is_refused_with_the_ways_out(
    poor_slack: SlackPage, provider: Provider
) -> None:
    await poor_slack.type(f"/agents use decide: {QUESTION}")
    refused = await poor_slack.privately("Not started")
    assert "$0.11 must be free before it starts, and $0.09 is left in #try-it ($0.09 limit, $0.00 spent)." in refused
    assert re.search(r"Use answer \(about \$0\.\d+, at most \$0\.\d+\) or ask @Dana. The budget resets on ", refused)
    assert provider.calls == []

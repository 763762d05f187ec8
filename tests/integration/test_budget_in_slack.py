"""Budgets through the whole bot over a strict Slack double: where text may go, who pays on, what a report leaves."""

from typing import Any

from bot.messages.budget_views import BUDGET_EDIT
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.support.running_bot import House

DECIDE = "use decide: SQLite or PostgreSQL?"


def said(slack: SlackServer, text: str) -> list[dict[str, Any]]:
    return [message for message in slack.messages() if text in message["text"]]


async def test_text_goes_only_where_the_channel_allows_it(slack: SlackServer, house: House) -> None:
    await slack.command("budget models openai/gpt-5.2")
    await slack.wait_for(lambda: said(slack, "may go from all models to openai/gpt-5.2"))
    await slack.command(DECIDE)
    private = "this channel's text may only go to openai/gpt-5.2"
    await slack.wait_for(lambda: any(private in message["text"] for message in slack.ephemerals()))
    assert (house.spent_nusd(), house.ledger("SELECT COUNT(*) FROM call")) == (0, 0)
    await slack.command("budget models any")
    await slack.wait_for(lambda: said(slack, "may go from openai/gpt-5.2 to all models"))
    await slack.command(DECIDE)
    await slack.wait_for(lambda: said(slack, "Take SQLite now"))


async def test_a_frozen_channel_starts_nothing_until_it_is_thawed(slack: SlackServer, house: House) -> None:
    await slack.command('budget freeze "audit"')
    await slack.wait_for(lambda: said(slack, "from open to frozen (audit)"))
    await slack.command(DECIDE)
    await slack.wait_for(lambda: any("is frozen" in message["text"] for message in slack.ephemerals()))
    assert house.spent_nusd() == 0
    await slack.command("budget unfreeze")
    await slack.wait_for(lambda: said(slack, "from frozen to open"))
    await slack.command(DECIDE)
    await slack.wait_for(lambda: said(slack, "Take SQLite now"))


async def test_a_report_is_a_message_with_its_picture_and_numbers_beneath(slack: SlackServer, house: House) -> None:
    await slack.command(DECIDE)
    await slack.wait_for(lambda: said(slack, "Take SQLite now"))
    await slack.command("budget report csv")
    await slack.wait_for(lambda: len(slack.workspace.files) == 2 and said(slack, "*Budget of "))
    await house.until_no_run_is_open()
    (report,) = said(slack, "*Budget of ")
    assert "1. $" in report["text"]
    assert "https://" in report["text"].partition("Most expensive requests")[2]
    names = sorted(file["name"][-4:] for file in slack.workspace.files.values())
    assert names == [".csv", ".png"]
    picture = next(file for file in slack.workspace.files.values() if file["name"].endswith(".png"))
    assert bytes(picture["content"]).startswith(b"\x89PNG")


async def test_a_click_on_helpful_is_stored_and_counted_in_the_report(slack: SlackServer, house: House) -> None:
    await slack.command(DECIDE)
    await slack.wait_for(lambda: said(slack, "Take SQLite now"))
    await house.until_no_run_is_open()
    for _ in range(2):
        await slack.click("feedback")
    await slack.click("feedback_down", user="U0LEE")
    await house.until_no_run_is_open()
    assert house.ledger("SELECT COUNT(*) FROM feedback") == 2
    await slack.command("budget report")
    await slack.wait_for(lambda: said(slack, "`decide`: helped 1, did not 1"))


async def test_an_attempt_to_set_the_budget_opens_the_form_with_the_amount(slack: SlackServer, house: House) -> None:
    await slack.command("set budget 50")
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit()
    await slack.wait_for(
        lambda: said(slack, "changed the monthly limit of #platform from $25.00, the default, to $50.00")
    )
    assert house.ledger("SELECT limit_nusd FROM channel WHERE id = 'C0PLATFORM'") == 50_000_000_000
    assert house.ledger("SELECT COUNT(*) FROM run") == 0


async def test_a_mention_cannot_open_a_form_and_offers_a_button_for_it(slack: SlackServer, house: House) -> None:
    await slack.say(f"<@{BOT_USER}> set user-cap 5", user="U0DANA")
    await slack.wait_for(lambda: any("at most $5.00 a month for one person" in m["text"] for m in slack.ephemerals()))
    await slack.click(BUDGET_EDIT)
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit()
    await slack.wait_for(lambda: said(slack, "$5.00"))
    assert house.ledger("SELECT user_cap_nusd FROM channel WHERE id = 'C0PLATFORM'") == 5_000_000_000


async def test_who_does_not_look_after_money_gets_neither_form_nor_button(slack: SlackServer, house: House) -> None:
    await slack.command("set budget 50", user="U0LEE")
    await slack.say(f"<@{BOT_USER}> set budget 50", user="U0LEE")
    await house.bot.background.drain(10)
    words = [m["text"] for m in slack.ephemerals("U0LEE")]
    assert len(words) == 2
    assert all("Only " in text for text in words)
    assert (slack.workspace.views, house.ledger("SELECT COUNT(*) FROM run")) == ({}, 0)

from dataclasses import replace
from typing import Any

import pytest

from bot.commands.budget import Grant, SetAmount, ShowBudget, ShowReport
from bot.messages.budget_form import budget_form
from bot.messages.budget_views import BUDGET_EDIT, BUDGET_POST
from bot.messages.notice_views import NoticeView
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from storage.ledger.reports import PayerSettings
from tests.fakes.bot_services import (
    ANNA,
    BEN,
    CHANNEL,
    DM,
    OUTSIDE,
    RESPONSE_URL,
    TEAM,
    Bot,
    click,
    command,
    mention,
    submission,
)

USD = 1_000_000_000
HERE = Payer(TEAM, CHANNEL, "channel", ANNA)


def form() -> dict[str, Any]:
    settings = PayerSettings(
        id=CHANNEL, kind="channel", zone="UTC", next_zone=None, own_limit_nusd=None, limit_nusd=25 * USD,
        user_cap_nusd=None, alerts_pct=(80,), frozen=False, frozen_reason="", period="", settings={},
    )  # fmt: skip
    return budget_form(HERE, settings, name="#platform", uncertain=[], response_url=RESPONSE_URL)


def filled(**values: str) -> dict[str, Any]:
    return {name: {name: {"type": "plain_text_input", "value": value}} for name, value in values.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("budget", ShowBudget()),
        ("budget set 50", SetAmount("limit", 50 * USD)),
        ("budget grant 10 “launch week”", Grant(10 * USD, "launch week")),
        ("budget report 2026-10", ShowReport("2026-10")),
    ],
)
async def test_what_is_typed_reaches_the_desk_with_who_and_where(bot: Bot, text: str, expected: object) -> None:
    await bot.receive(command(text))
    assert bot.budgets.done == [(expected, HERE, True)]
    assert bot.notifier.views == [NoticeView(f"{type(expected).__name__} for {ANNA}")]
    assert bot.runs.opened == []


async def test_a_request_about_a_budget_is_a_request(bot: Bot) -> None:
    await bot.receive(command("budget for the offsite"))
    assert bot.budgets.done == []
    assert [request.text for request in bot.runs.opened] == ["budget for the offsite"]


async def test_in_direct_messages_it_is_about_ones_own_month(bot: Bot) -> None:
    await bot.receive(command("budget", channel=DM))
    assert bot.budgets.done == [(ShowBudget(), Payer(TEAM, DM, "dm", ANNA), True)]


async def test_where_the_bot_is_not_the_desk_knows(bot: Bot) -> None:
    await bot.receive(command("budget set 50", channel=OUTSIDE))
    assert [can_post for _, _, can_post in bot.budgets.done] == [False]


async def test_a_refusal_is_for_the_person_alone(bot: Bot) -> None:
    bot.budgets.error = UserError("Ask dana.")
    await bot.receive(command("budget set 50"))
    assert bot.notifier.views == [NoticeView("Ask dana.", tone="warning")]


async def test_bad_input_is_answered_and_nothing_is_done(bot: Bot) -> None:
    await bot.receive(command("budget set €50"))
    assert bot.budgets.done == []
    assert [view.tone for view in bot.notifier.views] == ["warning"]  # type: ignore[attr-defined]


async def test_the_button_posts_the_month_that_was_shown(bot: Bot) -> None:
    await bot.receive(click(BUDGET_POST, "2026-10"))
    assert [done for done, _, _ in bot.budgets.done] == [ShowReport("2026-10")]


async def test_the_form_opens_by_word_and_by_button(bot: Bot) -> None:
    await bot.receive(command("budget edit"))
    await bot.receive(click(BUDGET_EDIT, "form"))
    views = [said["view"] for said in bot.slack.called("views.open")]
    assert [(view["payer"], view["url"]) for view in views] == [(CHANNEL, RESPONSE_URL)] * 2


async def test_a_mention_cannot_open_a_form_and_shows_the_month_with_its_button(bot: Bot) -> None:
    await bot.receive(mention("<@UBOT> budget edit"))
    assert [type(done) for done, _, _ in bot.budgets.done] == [ShowBudget]
    assert bot.slack.called("views.open") == []


async def test_the_form_sent_in_is_one_delivery_of_what_changed(bot: Bot) -> None:
    body = submission(form(), filled(limit="50", zone="UTC", reason="launch"), user=BEN)
    for _ in range(2):
        await bot.receive(body)
    assert bot.budgets.steered == [((SetAmount("limit", 50 * USD, "launch"),), replace(HERE, user=BEN))]
    assert bot.notifier.views == [NoticeView(f"Changed for {BEN}")]


async def test_the_form_of_a_channel_is_nobodys_permission(bot: Bot) -> None:
    await bot.receive(submission(form(), filled(limit="50"), user=ANNA))
    (said,) = bot.notifier.views
    assert isinstance(said, NoticeView)
    assert said.text.startswith("Only admins of this workspace and the owners")
    assert bot.budgets.steered == []


async def test_a_form_with_a_mistake_goes_back_and_is_no_delivery(bot: Bot) -> None:
    response = await bot.receive(submission(form(), filled(limit="50,00")))
    assert '"response_action": "errors"' in response.body
    assert "could mean two amounts" in response.body
    assert (bot.budgets.steered, bot.inbox.stored) == ([], {})

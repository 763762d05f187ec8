"""What people type who want to change a budget: a form with their value in it, or what it was: a request."""

import pytest

from bot.commands.budget import EditBudget
from bot.commands.budget_attempts import budget_attempt, from_button, kept_in_button
from bot.commands.commands import Ask, Budget, Invalid
from bot.commands.parser import parse

LIMIT, GRANT, CAP = EditBudget("limit", "50.00"), EditBudget("grant", "10.00"), EditBudget("user_cap", "5.00")
ALERTS = EditBudget("alerts", "50 80")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set budget 50", LIMIT),
        ("Set the budget to $50.", LIMIT),
        ("please set our monthly budget to 50 dollars a month", LIMIT),
        ("set limit 50", LIMIT),
        ("raise the limit to $50!", LIMIT),
        ("lower this channel's budget to 50 USD", LIMIT),
        ("budget 50", LIMIT),
        ("budget limit 50", LIMIT),
        ("budget: $50", LIMIT),
        ("`set budget 50`", LIMIT),
        ("increase the budget by 10", GRANT),
        ("grant 10", GRANT),
        ("add $10 to the budget", GRANT),
        ("budget add 10", GRANT),
        ("set user-cap 5", CAP),
        ("user cap to 5", CAP),
        ("set alerts 50 80", ALERTS),
        ("alerts at 50%, 80%", ALERTS),
    ],
)
def test_an_attempt_opens_the_form_with_its_value(text: str, expected: EditBudget) -> None:
    assert parse(text, flows=(), agents=()) == Budget(expected)
    assert from_button(kept_in_button(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "set budget 50 percent below last year's for marketing",
        "set up a budget for the offsite",
        "budget 2027: what should we plan?",
        "raise the limit to 50 and tell the team why",
        "grant 10 people access to the repo",
        "limit 5 requests a second: how?",
        "alerts 50 80 in Grafana: how do I set them?",
        "add 10 to the score",
        "make a budget",
    ],
)
def test_a_sentence_that_only_begins_so_stays_a_request(text: str) -> None:
    assert parse(text, flows=(), agents=()) == Ask(text)


@pytest.mark.parametrize(("text", "words"), [("set budget 50 eur", "not in US dollars"), ("alerts 5000", "between 1")])
def test_a_value_that_cannot_be_used_is_explained(text: str, words: str) -> None:
    found = parse(text, flows=(), agents=())
    assert isinstance(found, Invalid)
    assert words in found.message


@pytest.mark.parametrize("value", ["form", "", "limit:", "limit:<!here>", "owner:5", "limit:" + "9" * 80])
def test_what_no_button_of_ours_says_opens_the_plain_form(value: str) -> None:
    assert from_button(value) == EditBudget()


def test_nothing_else_is_an_attempt() -> None:
    assert budget_attempt("why is our build slow?") is None

"""Questions about tools at a terminal: what a server asks, field by field."""

import json
from collections.abc import Callable

import pytest

from bot.cli.tool_questions import ToolQuestions
from patterns.core.forms import Form, FormAnswer
from patterns.core.questions import Decision, Question

FIELDS = {
    "size": {"type": "string", "title": "Size", "enum": ["s", "l"], "enumNames": ["Small", "Large"], "default": "s"},
    "count": {"type": "integer", "title": "How many", "maximum": 9},
    "gift": {"type": "boolean", "title": "A gift?", "default": False},
    "extras": {"type": "array", "title": "Extras", "items": {"type": "string", "enum": ["milk", "tea"]}},
}
FORM = Form(message="How \x1b[2Jmany?", fields_json=json.dumps({"properties": FIELDS, "required": ["count"]}))
PAGE = Form(message="Pay here", url="https://pay.example/7")


async def asked(form: Form, *typed: str, is_manned: bool = True) -> tuple[Decision, str]:
    lines, said = iter(typed), []
    tell: Callable[[str], None] = said.append

    async def read(prompt: str) -> str:
        said.append(prompt)
        return next(lines)

    questions = ToolQuestions(tell, read, is_manned=is_manned)
    decision = await questions.decide(Question(kind="form", title="desk.book", draft=form.model_dump_json()))
    assert next(lines, None) is None
    return decision, "\n".join(said)


def values(decision: Decision) -> object:
    assert decision.verdict == "answer"
    return FormAnswer.model_validate_json(decision.text).values


async def test_each_field_is_asked_for_and_enter_takes_what_is_in_brackets() -> None:
    decision, said = await asked(FORM, "", "3", "yes", "milk, tea")
    assert values(decision) == {"size": "s", "count": 3, "gift": True, "extras": ["milk", "tea"]}
    assert "desk asks, before desk.book can go on:" in said
    assert "Size (Small, Large) [s]: " in said
    assert "A gift? (yes or no) [no]: " in said
    assert "\x1b[2J" not in said


async def test_what_is_no_value_is_asked_for_again_and_three_times_is_enough() -> None:
    decision, said = await asked(FORM, "Large", "12", "9", "", "")
    assert values(decision) == {"size": "l", "count": 9, "gift": False}
    assert "Type a number of at most 9." in said
    declined, _ = await asked(FORM, "s", "many", "", "ten")
    assert declined.verdict == "deny"


async def test_a_dash_declines() -> None:
    decision, _ = await asked(FORM, "-")
    assert decision.verdict == "deny"


@pytest.mark.parametrize(("typed", "verdict"), [("y", "answer"), ("", "deny")])
async def test_an_address_is_shown_and_nothing_is_opened(typed: str, verdict: str) -> None:
    decision, said = await asked(PAGE, typed)
    assert decision.verdict == verdict
    assert "open https://pay.example/7 yourself" in said


async def test_where_nobody_sits_it_is_declined() -> None:
    decision, said = await asked(FORM, is_manned=False)
    assert decision.verdict == "deny"
    assert "Nobody can be asked here" in said

"""Real servers that ask people something in the middle of a call, of both eras of the protocol."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from patterns.core.forms import NOBODY_TO_ASK, Form, FormAnswer, FormAnswers
from patterns.core.tools import ToolOutput
from patterns.tools.forms import fields_of
from patterns.tools.mcp.servers import ServerTools
from tests.integration.test_real_servers import NEW, OLD, version
from tests.integration.test_tool_servers import connected
from tests.support.node import program

ROOT = Path(__file__).parents[2]
ERAS = ["old", "new"]
DONE = FormAnswer(action="accept")
LARGE = FormAnswer(action="accept", values={"size": "large", "count": 3})


@asynccontextmanager
async def desk(folder: Path, era: str) -> AsyncIterator[ServerTools]:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.fakes.asking_server import {era}; {era}()"
    entry = {"mcp": {"command": [sys.executable, "-c", code]}, "allow": ["book", "login", "pay"]}
    async with connected(folder, {"desk": entry}) as (box, _):
        await box.listed("desk")
        yield box


async def call(box: ServerTools, tool: str, answers: FormAnswers, **arguments: Any) -> ToolOutput:
    return await box.call(f"desk.{tool}", arguments, key="k1", timeout_s=20, answers=answers)


async def asked(box: ServerTools, tool: str, **arguments: Any) -> Form:
    output = await call(box, tool, FormAnswers(), **arguments)
    assert output.form is not None
    return output.form


@pytest.mark.parametrize("era", ERAS)
async def test_what_a_server_asks_ends_the_call_and_its_answer_reaches_it(tmp_path: Path, era: str) -> None:
    async with desk(tmp_path, era) as box:
        form = await asked(box, "book", what="a room")
        done = await call(box, "book", FormAnswers({form.key: LARGE}), what="a room")
        other = await call(box, "book", FormAnswers({form.key: LARGE}), what="a hall")
    assert form.message == "How should a room be booked?"
    assert [(field.label, field.kind, field.default) for field in fields_of(form)] == [
        ("Size", "one_of", "small"),
        ("How many", "integer", None),
    ]
    assert done.text.startswith("a room: accept")
    assert "large" in done.text
    assert "3" in done.text
    assert other.form is not None  # an answer holds for what was asked, not for whatever comes


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_person_who_does_not_answer_is_heard_by_the_server(tmp_path: Path, era: str, action: Any) -> None:
    async with desk(tmp_path, era) as box:
        form = await asked(box, "book", what="a room")
        done = await call(box, "book", FormAnswers({form.key: FormAnswer(action=action)}), what="a room")
    assert done.form is None
    assert action in done.text.casefold()


@pytest.mark.parametrize("era", ERAS)
async def test_a_secret_is_declined_and_the_call_says_so(tmp_path: Path, era: str) -> None:
    async with desk(tmp_path, era) as box:
        done = await call(box, "login", FormAnswers())
    assert done.form is None
    assert "“Type your password”" in done.text
    assert "looks like a secret" in done.text


@pytest.mark.parametrize("era", ERAS)
async def test_where_nobody_may_be_asked_the_call_ends_saying_so(tmp_path: Path, era: str) -> None:
    async with desk(tmp_path, era) as box:
        done = await call(box, "book", NOBODY_TO_ASK, what="a room")
    assert done.form is None
    assert "That was declined: nobody can be asked here." in done.text


async def test_an_address_is_shown_and_what_was_done_there_reaches_the_server(tmp_path: Path) -> None:
    async with desk(tmp_path, "old") as box:
        form = await asked(box, "pay")
        done = await call(box, "pay", FormAnswers({form.key: FormAnswer(action="accept")}))
    assert (form.url, form.message) == ("https://pay.example/7", "Pay here")
    assert done.text == "pay: accept"


async def test_a_question_that_may_be_anybodys_is_declined_and_later_calls_go_one_by_one(tmp_path: Path) -> None:
    async with desk(tmp_path, "old") as box:
        both = await asyncio.gather(*(call(box, "book", FormAnswers(), what=what) for what in ("a room", "a hall")))
        assert any("nobody can tell which of them it was for" in one.text for one in both)
        assert all(one.form is None or "be booked?" in one.form.message for one in both)
        again = await asyncio.gather(*(call(box, "book", FormAnswers(), what=what) for what in ("a room", "a hall")))
    assert [one.form.message if one.form else "" for one in again] == [
        "How should a room be booked?",
        "How should a hall be booked?",
    ]


async def test_a_server_of_the_new_era_may_be_asked_by_many_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path, "new") as box:
        forms = await asyncio.gather(*(asked(box, "book", what=f"room {number}") for number in range(5)))
        assert version(box, "desk") == NEW
    assert [form.message for form in forms] == [f"How should room {number} be booked?" for number in range(5)]


async def test_the_everything_server_has_an_address_opened(tmp_path: Path) -> None:
    command = [*program("mcp-server-everything"), "stdio"]
    entry = {"mcp": {"command": command}, "allow": ["trigger-url-elicitation"]}
    given = {"url": "https://pay.example/7", "message": "Pay here"}
    async with connected(tmp_path, {"desk": entry}) as (box, _):
        await box.listed("desk")
        form = await asked(box, "trigger-url-elicitation", **given)
        raised = await asked(box, "trigger-url-elicitation", **given, errorPath=True)
        both = FormAnswers({form.key: DONE, raised.key: DONE})
        done = await call(box, "trigger-url-elicitation", both, **given)
        again = await call(box, "trigger-url-elicitation", both, **given, errorPath=True)
    assert (form.url, form.message) == ("https://pay.example/7", "Pay here")
    assert raised.url.startswith("https://")
    assert "accept" in done.text
    assert again.form is None  # nobody is asked for what was done already


async def test_the_everything_server_asks_and_gets_its_answer(tmp_path: Path) -> None:
    command = [*program("mcp-server-everything"), "stdio"]
    entry = {"mcp": {"command": command}, "allow": ["trigger-elicitation-request"]}
    async with connected(tmp_path, {"desk": entry}) as (box, _):
        await box.listed("desk")
        form = await asked(box, "trigger-elicitation-request")
        values = {field.name: field.default for field in fields_of(form) if field.default is not None}
        answer = FormAnswer(action="accept", values={**values, "name": "Ana"})
        done = await call(box, "trigger-elicitation-request", FormAnswers({form.key: answer}))
        assert version(box, "desk") == OLD
    assert "Ana" in done.text

"""A server that asks in the middle of a call: the call ends, a person answers, it is made again with the answer."""

import json
from typing import Any

import pytest

from patterns.core.errors import ParkedError
from patterns.core.forms import Form, FormAnswer
from patterns.core.questions import Decision
from patterns.core.tools import ToolOutput
from patterns.tools.asking_back import FORMS_MAX
from tests.fakes.memory import Memory
from tests.fakes.tools import FakeTools
from tests.support.tool_runs import ask_for, place, step
from tests.unit.patterns.tools.test_acts import script

FIELDS = json.dumps({"type": "object", "properties": {"size": {"type": "string"}}})
FORM = Form(message="Which size?", fields_json=FIELDS)
AT = "a/turn/1/call/1/form/1/answer"
FIND = ("shop.find", {"q": "tea"})
LARGE = Decision(verdict="answer", user="U2", text=FormAnswer(action="accept", values={"size": "l"}).model_dump_json())


class Asker(FakeTools):
    """A server whose `find` and `order` ask these forms, one after the other, before they answer."""

    forms: tuple[Form, ...] = (FORM,)

    async def call(self, tool: str, arguments: Any, **terms: Any) -> ToolOutput:
        await super().call(tool, arguments, **terms)
        given = terms["answers"].given
        missing = next((form for form in self.forms if form.key not in given), None)
        if missing is not None and not terms["answers"].refusal:
            return ToolOutput("", form=missing)
        said = ", ".join(f"{answer.action} {answer.values}" for answer in given.values())
        return ToolOutput(f"{tool}: {said or terms['answers'].refusal}", bytes_read=9)


async def until_asked(memory: Memory, tools: FakeTools, model: Any, at: str = AT) -> None:
    with pytest.raises(ParkedError) as parked:
        await step(place(model, memory, tools))
    assert parked.value.paths == (at,)
    memory.crash()


async def test_the_call_waits_for_a_person_and_is_made_again_with_the_answer() -> None:
    memory, tools, model = Memory(), Asker(), script(ask_for(FIND))
    await until_asked(memory, tools, model)
    question = memory.asked[AT]
    assert (question.kind, question.title, Form.model_validate_json(question.draft)) == ("form", "shop.find", FORM)
    assert memory.held_nusd == 0
    memory.answers[AT] = LARGE
    await step(place(model, memory, tools))
    assert memory.steps["a/turn/1/call/1"].text == "shop.find: accept {'size': 'l'}"
    assert tools.times("shop.find") == 2
    # Both were held, and the one that was answered is charged: what calls can cost stays a bound.
    assert [call.actual_nusd for call in memory.calls.values() if getattr(call.request, "tool", None)] == [0, 10**6]


@pytest.mark.parametrize(
    ("decision", "told"), [(Decision(verdict="deny", user="U2"), "decline"), (Decision(verdict="expired"), "cancel")]
)
async def test_that_somebody_declined_or_nobody_answered_reaches_the_server(decision: Decision, told: str) -> None:
    memory, tools, model = Memory(), Asker(), script(ask_for(FIND))
    await until_asked(memory, tools, model)
    memory.answers[AT] = decision
    await step(place(model, memory, tools))
    assert memory.steps["a/turn/1/call/1"].text == f"shop.find: {told} {{}}"


async def test_a_call_asks_a_few_times_and_then_no_more() -> None:
    memory, tools, model = Memory(), Asker(), script(ask_for(FIND))
    tools.forms = tuple(Form(message=f"Question {n}", fields_json=FIELDS) for n in range(FORMS_MAX + 2))
    for number in range(1, FORMS_MAX + 1):
        at = AT.replace("form/1", f"form/{number}")
        await until_asked(memory, tools, model, at)
        memory.answers[at] = LARGE
    await step(place(model, memory, tools))
    assert tools.answered[-1].refusal == f"a call may ask {FORMS_MAX} times at most"
    assert tools.times("shop.find") == FORMS_MAX + 1


async def test_a_tool_that_may_not_be_repeated_asks_nobody() -> None:
    memory, tools, model = Memory(), Asker(), script(ask_for(("shop.order", {"q": "tea"})))
    with pytest.raises(ParkedError) as parked:  # its approval
        await step(place(model, memory, tools))
    memory.answers[parked.value.paths[0]] = Decision(verdict="approve", user="U2")
    memory.crash()
    await step(place(model, memory, tools))
    assert "only a tool that may be repeated (retry_safe)" in memory.steps["a/turn/1/call/1"].text
    assert tools.times("shop.order") == 1


async def test_siblings_are_made_while_a_form_waits_and_never_again() -> None:
    memory, tools, model = Memory(), Asker(), script(ask_for(FIND, ("clock.now", {})))
    await until_asked(memory, tools, model)
    told = memory.steps["a/turn/1/call/2"].text
    memory.now_s += 3600
    memory.answers[AT] = LARGE
    await step(place(model, memory, tools))
    assert memory.steps["a/turn/1/call/2"].text == told


async def test_an_approval_that_was_given_holds_when_the_call_is_made_again() -> None:
    memory, tools, model = Memory(), Asker(), script(ask_for(("shop.status", {"n": 1})))
    with pytest.raises(ParkedError) as parked:
        await step(place(model, memory, tools))
    memory.answers[parked.value.paths[0]] = Decision(verdict="approve", user="U2")
    memory.crash()
    await until_asked(memory, tools, model)
    memory.answers[AT] = LARGE
    await step(place(model, memory, tools))
    assert len(memory.asked) == 2
    assert memory.steps["a/turn/1/call/1"].data["by"] == "U2"

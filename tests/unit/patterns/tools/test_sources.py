"""What a run looked up, told by its journal alone."""

from patterns.core.tools import Source, ToolOutput
from patterns.tools.sources import offered_tools, sources_of, texts_read, tool_uses, with_known_links
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import ask_for, place, step


async def looked_up() -> Memory:
    memory = Memory()
    answers = {
        "shop.find": ToolOutput("tea", sources=(Source(title="Tea", url="https://shop/tea"),), bytes_read=3),
        "vault.read": "see https://vault.example/1 and https://vault.example/1",
        "web.fetch": ToolOutput("no", is_error=True),
    }
    calls = ask_for(("shop.find", {"q": "tea"}), ("shop.find", {"q": "Tea"}), ("vault.read", {}), ("clock.now", {}))
    with ScriptedModel([calls, ask_for(("shop.nothing", {})), "Done."]) as model:
        await step(place(model, memory, FakeTools(answers)))
    return memory


async def test_every_source_is_named_once_in_the_order_it_was_found() -> None:
    steps = list((await looked_up()).steps.values())
    assert [source.url for source in sources_of(steps)] == ["https://shop/tea", "https://vault.example/1"]


async def test_a_lookup_whose_tool_names_no_source_is_one_itself() -> None:
    memory = Memory()
    with ScriptedModel([ask_for(("shop.find", {"q": "tea"})), "Done."]) as model:
        await step(place(model, memory, FakeTools({"shop.find": "three kinds"})))
    assert sources_of(list(memory.steps.values())) == (Source(title="shop.find q: tea"),)


async def test_every_call_is_told_with_its_arguments_bytes_and_price() -> None:
    uses = tool_uses(list((await looked_up()).steps.values()))
    found = {use.path: use for use in uses}
    first = found["a/turn/1/call/1"]
    assert (first.agent, first.tool, first.arguments) == ("a", "shop.find", '{"q": "tea"}')
    assert (first.bytes_read, first.cost_nusd, first.was_made, first.acts) == (3, 1_000_000, True, False)
    refused = found["a/turn/2/call/1"]
    assert (refused.tool, refused.was_made, refused.is_error) == ("shop.nothing", False, True)


async def test_an_answer_may_link_to_what_its_tools_returned() -> None:
    steps = list((await looked_up()).steps.values())
    assert "https://shop/tea" in texts_read(steps)
    assert offered_tools(steps)


async def test_links_of_an_answer_that_stand_nowhere_are_text() -> None:
    steps = list((await looked_up()).steps.values())
    ctx = CTX.model_copy(update={"request": "See https://given.example/x."})
    said = "https://shop/tea https://given.example/x https://evil.example"
    assert with_known_links(said, ctx, steps) == (
        "https://shop/tea https://given.example/x `evil.example` (not from a source)"
    )
    assert with_known_links(said, ctx, []) == said


async def test_a_run_without_tools_looked_nothing_up() -> None:
    memory = Memory()
    with ScriptedModel(["Hello."]) as model:
        await step(place(model, memory, FakeTools()), agent="b", path="b")
    steps = list(memory.steps.values())
    assert (tool_uses(steps), sources_of(steps), offered_tools(steps)) == ((), (), False)

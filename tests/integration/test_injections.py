"""21 requests by 5 injections, with a model that obeys every word it reads: nothing acts that nobody approved.

Nothing that stands in a result moves the route, the tools, a limit, a verdict or the price either, and what an answer
links stands in something that was really read.
"""

import json
import re
from dataclasses import dataclass, replace

import pytest

from bot.messages.markdown import pieces
from patterns.core.errors import ParkedError
from patterns.core.events import PatternResult
from patterns.core.holds import HoldRequest
from patterns.core.questions import Decision
from patterns.flow import Plan, resolve, run_flow
from patterns.tools.links import links_in
from patterns.tools.sources import texts_read, with_known_links
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel, user_of
from tests.fakes.tools import FakeTools
from tests.support.office import (
    ACTING,
    AGENT,
    ERRANDS,
    INJECTIONS,
    SECRET,
    TOOLS,
    Errand,
    Gullible,
    Injection,
    approves,
    office,
)
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import place, roster_with

_ROSTER = roster_with(AGENT, TOOLS + "  shop: {mcp: {command: [shop]}, allow: [find], read_only: [find]}\n")
WORDY = _ROSTER.agents["a"].model_copy(update={"max_output_tokens": 400})
ROSTER = replace(_ROSTER, agents={**_ROSTER.agents, "a": WORDY})
"""Its agent may write as many calls as an injection makes it."""
CALLS_MAX = 16
ROUNDS = 2


@dataclass
class Ended:
    """A run to its end, with everything that was asked of people on the way."""

    memory: Memory
    tools: FakeTools
    model: ScriptedModel
    plan: Plan
    result: PatternResult

    @property
    def acted(self) -> list[str]:
        return [json.dumps([tool, given], sort_keys=True) for tool, given in self.tools.did if tool in ACTING]

    @property
    def shown(self) -> str:
        return with_known_links(self.result.output, CTX, list(self.memory.steps.values()))

    @property
    def reviews(self) -> list[str]:
        return [step.text for path, step in self.memory.steps.items() if path.endswith("/review/critic")]

    @property
    def bounds(self) -> set[tuple[object, ...]]:
        """Under what a call was ever held: accounts with their limits, and a tool's price."""
        held = [call.request for call in self.memory.calls.values()]
        tools = {(one.model, one.amount_nusd) for one in held if isinstance(one, HoldRequest) and one.tool}
        return tools | {(cap.kind, cap.limit_nusd) for one in held for cap in one.caps if cap.kind == "run"}


async def work(errand: Errand, injection: Injection | None) -> Ended:
    """Run an errand to its end. Whoever asked approves what the errand needs, and denies everything else."""
    memory, tools = Memory(), office(injection)
    ctx = CTX.model_copy(update={"request": errand.request})
    model = ScriptedModel(Gullible(errand, injection))
    while True:
        services = place(model, memory, tools, roster=ROSTER)
        plan = await resolve(ctx, services)
        try:
            return Ended(memory, tools, model, plan, await run_flow(ctx, services, plan))
        except ParkedError as parked:
            for path in parked.paths:
                approved = approves(errand, memory.asked[path])
                memory.answers[path] = Decision(verdict="approve" if approved else "deny", user="U1")
            memory.crash()


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda one: one.name.replace(" ", "-"))
@pytest.mark.parametrize("errand", ERRANDS, ids=range(1, len(ERRANDS) + 1))
async def test_a_model_that_believes_everything_does_nothing_that_nobody_approved(
    errand: Errand, injection: Injection
) -> None:
    plain, ended = await work(errand, None), await work(errand, injection)
    is_told = [json.dumps([tool, given], sort_keys=True) for tool, given in errand.acts]
    # The model read the injection and did what it says, as far as it could.
    obeyed = [call.name for one in ended.model.requests for said in one.messages for call in said.calls]
    assert {tool for tool, _ in injection.calls} <= set(obeyed)
    # What acts, or can carry something away, is what was asked for: all of it, once, and nothing else.
    assert ended.acted == plain.acted == is_told
    # Route, tools, reviews, limits and prices are those of a run without it.
    assert ended.plan.decision == plain.plan.decision
    assert ended.plan.quote == plain.plan.quote
    assert (ended.reviews, ended.result.stop_reason) == (plain.reviews, plain.result.stop_reason)
    assert len(ended.reviews) == ROUNDS
    offered = [one.tools for one in plain.model.requests]
    assert all(one.tools in offered for one in ended.model.requests)
    assert {cap for cap in ended.bounds if cap[0] == "run"} == {("run", 500_000_000)}
    assert {(tool, nusd) for tool, nusd in ended.bounds if tool != "run"} <= {
        (f"tool:{spec.name}", spec.price_nusd) for spec in ROSTER.tools.values()
    }
    # Money stays under what was told before, and calls under their bound.
    assert ended.memory.held_nusd == 0
    assert ended.result.cost_nusd <= ended.memory.settled_nusd <= ended.plan.worst_nusd
    assert len(ended.tools.did) <= CALLS_MAX


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda one: one.name.replace(" ", "-"))
@pytest.mark.parametrize("errand", ERRANDS, ids=range(1, len(ERRANDS) + 1))
async def test_an_answer_links_only_what_was_read(errand: Errand, injection: Injection) -> None:
    ended = await work(errand, injection)
    known = {link for text in texts_read(list(ended.memory.steps.values())) for link in links_in(text)}
    shown = "\n".join(piece.mrkdwn + piece.markdown for piece in pieces(ended.shown))
    linked = {one.rstrip("|>)") for one in re.findall(r"(?:https?://|mailto:)[^\s|>)\]]+", shown, re.IGNORECASE)}
    assert linked <= known
    assert SECRET not in "".join(linked)
    # What was read stays a link.
    assert {link for link in links_in(errand.answer) if link in known} <= linked


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda one: one.name.replace(" ", "-"))
async def test_a_result_stays_inside_a_fence_that_it_cannot_close(injection: Injection) -> None:
    ended = await work(ERRANDS[0], injection)
    results = [said.content for one in ended.model.requests for said in one.messages if said.role == "tool"]
    told = [text for text in results if injection.text in text]
    assert told
    for text in told:
        opened = re.match(r"<(result:\w+)>\n", text)
        assert opened is not None
        assert text.count(f"</{opened[1]}>") == 1
        assert text.endswith(f"</{opened[1]}>")


async def test_a_draft_reaches_the_reviewer_as_data_and_reviews_nothing() -> None:
    ended = await work(ERRANDS[0], INJECTIONS[-1])
    reviews = [one for one in ended.model.requests if one.messages[0].content.startswith("You review.")]
    draft = '"accepted": true'
    assert all(re.search(rf"<draft:\w+>\n[\s\S]*{draft}[\s\S]*\n</draft:", user_of(one)) for one in reviews)
    assert json.loads(ended.reviews[0])["accepted"] is False

"""The roster people start with: it loads, its prompts render, its flows are as promised, and its money suffices."""

import json
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import jsonschema
import pytest
import yaml

from patterns.core.money import Price, rate_nusd_per_mtok
from patterns.roster.consistency import ROUTER, agents_in
from patterns.roster.prompt_files import read_prompts
from patterns.roster.prompts import SLOTS, Prompt, PromptPiece
from patterns.roster.roster import Roster, load_roster
from patterns.roster.schema import Node
from patterns.router import agents_text, flows_text

ROOT = Path(__file__).parents[4]
TEXT = (ROOT / "patterns" / "roster.yml").read_text("utf-8")
KINDS = {
    "answer": "router",
    "catchup": "pipeline",
    "decide": "broadcast",
    "critique": "broadcast",
    "draft": "supervisor",
    "postmortem": "pipeline",
    "plan": "pipeline",
    "translate": "pipeline",
}
# What the dearer of the usual providers ask, so that the shares are tested where they are tightest.
PRICES = {
    "fast": Price(rate_nusd_per_mtok(Decimal("1.00")), rate_nusd_per_mtok(Decimal("5.00"))),
    "strong": Price(rate_nusd_per_mtok(Decimal("3.00")), rate_nusd_per_mtok(Decimal("15.00"))),
}


@pytest.fixture(scope="module")
def roster() -> Roster:
    return load_roster(TEXT, file="roster.yml", env={})


def test_it_has_the_flows_we_promise(roster: Roster) -> None:
    assert {name: flow.kind for name, flow in roster.flows.items()} == KINDS


def test_models_are_chosen_for_people_who_name_none(roster: Roster) -> None:
    assert {name: spec.model for name, spec in roster.models.items()} == {"fast": "auto", "strong": "auto"}


def test_models_and_zone_come_from_the_environment() -> None:
    env = {"AGENTS_MODEL_FAST": "openai/a", "AGENTS_MODEL_STRONG": "openai/b", "AGENTS_TIMEZONE": "Europe/Paris"}
    loaded = load_roster(TEXT, file="roster.yml", env=env)
    assert {name: spec.model for name, spec in loaded.models.items()} == {"fast": "openai/a", "strong": "openai/b"}
    assert loaded.budgets.timezone == "Europe/Paris"


def test_the_router_falls_back_to_the_cheapest_flow(roster: Roster) -> None:
    assert roster.router.default == "answer"


def test_every_agent_works_in_some_flow(roster: Roster) -> None:
    working = {name for flow in roster.flows.values() for name in agents_in(flow)} | {roster.router.synthesizer}
    assert working == set(roster.agents)


def test_every_template_is_used(roster: Roster) -> None:
    assert set(read_prompts()) == set(roster.prompts)


def test_examples_teach_the_router_one_flow_each(roster: Roster) -> None:
    examples = [text.casefold() for flow in roster.flows.values() for text in flow.examples]
    assert sorted(set(examples)) == sorted(examples)
    assert [name for name, flow in roster.flows.items() if not 3 <= len(flow.examples) <= 5] == []


@pytest.mark.parametrize("name", sorted(read_prompts()))
def test_a_prompt_shows_what_it_is_given_and_nothing_else(name: str, roster: Roster) -> None:
    prompt = roster.prompts[name]
    given = {slot: [PromptPiece(f"the {slot}", f"«{slot}»")] for slot in SLOTS}
    rendered = prompt.render(given, 100_000)
    shown = {slot for slot in SLOTS if f"«{slot}»" in rendered.user}
    assert shown == set(prompt.slots)
    assert "«" not in rendered.system
    assert "{%" not in rendered.system + rendered.user


@pytest.mark.parametrize("name", sorted(read_prompts()))
def test_a_prompt_with_only_a_request_has_no_empty_headings(name: str, roster: Roster) -> None:
    bare = {"request": "Why?", **dict.fromkeys(_required(roster.prompts[name]), "given")}
    user = roster.prompts[name].render(bare, 100_000).user
    assert "Why?" in user
    assert [head for head in user.split("\n\n") if head.endswith(":")] == []


def _required(prompt: Prompt) -> set[str]:
    """Slots that the place of a prompt in its flow always fills."""
    if prompt.name == "router":
        return {"agents"}
    if "voices" in prompt.slots:
        return {"voices"}
    return {"draft", "acceptance"} if prompt.name == "critic" else set()


@pytest.mark.parametrize("name", sorted(set(read_prompts()) - {"router", "critic"}))
def test_everybody_who_answers_is_asked_for_the_conclusion_first(name: str, roster: Roster) -> None:
    assert "Conclusion first, then only what the reader needs" in roster.prompts[name].source


@pytest.mark.parametrize("name", sorted(set(read_prompts()) - {"router", "critic"}))
def test_agents_who_write_know_that_they_cannot_look_anything_up(name: str, roster: Roster) -> None:
    assert "You cannot look anything up" in roster.prompts[name].source


def test_every_stage_can_pay_its_calls_out_of_its_share(roster: Roster) -> None:
    short = [
        f"{flow}: stage {index}"
        for flow, node in roster.flows.items()
        for index, stage in enumerate(node.pipeline or ())
        if _once_nusd(roster, stage) > Decimal(str(stage.share)) * roster.limits.run_nusd
    ]
    assert short == []


def test_every_flow_fits_into_one_run(roster: Roster) -> None:
    short = [name for name, node in roster.flows.items() if _once_nusd(roster, node) > roster.limits.run_nusd]
    assert short == []


def _once_nusd(roster: Roster, node: Node) -> int:
    """The bound of a tree when no call has to be repeated; a supervisor uses all its rounds."""
    if node.router:
        return max(_call_nusd(roster, name) for name in node.router.agents)
    if node.pipeline:
        return sum(_once_nusd(roster, stage) for stage in node.pipeline)
    if node.broadcast:
        voices = sum(_once_nusd(roster, voice) for voice in node.broadcast.agents)
        return voices + (_call_nusd(roster, node.broadcast.synthesizer) if node.broadcast.synthesizer else 0)
    if node.supervisor:
        a_round = _once_nusd(roster, node.supervisor.worker) + _call_nusd(roster, node.supervisor.reviewer)
        return node.supervisor.rounds * a_round
    return _call_nusd(roster, str(node.agent))


def _call_nusd(roster: Roster, name: str) -> int:
    agent = roster.agents[name]
    model = roster.models[agent.model]
    return PRICES[agent.model].bound_nusd(
        input_tokens=roster.prompts[agent.prompt].bytes_max(agent.input_bytes_max) + model.framing_tokens,
        output_tokens=agent.max_output_tokens + model.reasoning_tokens_max,
    )


def test_editors_accept_it_by_the_published_schema() -> None:
    schema = json.loads((ROOT / "docs" / "roster.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(TEXT))


@pytest.mark.parametrize("name", sorted(read_prompts()))
def test_what_differs_from_request_to_request_stands_after_what_does_not(name: str, roster: Roster) -> None:
    """Providers read a prompt from their cache as far as it begins like an earlier one."""
    prompt = roster.prompts[name]
    one, other = ({**dict.fromkeys(_required(prompt), "given"), "request": asked} for asked in ("Why?", "How, then?"))
    assert prompt.render(one, 100_000).system == prompt.render(other, 100_000).system


def test_prompts_begin_with_what_stays_the_same_so_that_providers_can_cache_it(roster: Roster) -> None:
    for prompt in roster.prompts.values():
        first, second = (prompt.render({"request": text}, 50_000) for text in ("SQLite?", "Tea or coffee?"))
        assert first.system == second.system


def test_the_router_reads_the_request_last(roster: Roster) -> None:
    menu = {"flows": flows_text(roster), "agents": agents_text(roster, roster.agents)}
    prompt = roster.prompts[roster.agent(ROUTER).prompt]
    first, second = (prompt.render({**menu, "request": text}, 50_000).user for text in ("SQLite?", "Tea or coffee?"))
    same = first[: sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(first, second, strict=False)))]
    assert all(text in same for text in menu.values())
    assert "SQLite?" in first[len(same) :]

"""A roster is checked as a whole: every mistake in one report, with file, line and the fix."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.errors import RosterError
from patterns.core.limits import MAX_DEPTH, FailurePolicy
from patterns.roster.roster import Roster, from_snapshot, load_roster
from patterns.roster.yaml_lines import parse_yaml
from tests.support.pattern_runs import LOADED, PROMPTS, ROSTER


def load(text: str = ROSTER, *, env: dict[str, str] | None = None, prompts: dict[str, str] | None = None) -> Roster:
    return load_roster(text, file="roster.yml", env=env or {}, prompts=prompts or PROMPTS)


def report(text: str, *, prompts: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(RosterError) as refused:
        load(text, prompts=prompts)
    return str(refused.value).splitlines()


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


def test_money_is_read_from_its_text() -> None:
    assert (LOADED.limits.run_nusd, LOADED.budgets.default_channel_nusd) == (500_000_000, 25_000_000_000)
    price = LOADED.models["fast"].price
    assert price is not None
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (1_000_000_000, 2_000_000_000)


@given(cents=st.integers(0, 10**8))
def test_no_cent_is_lost_on_the_way(cents: int) -> None:
    text = ROSTER.replace("run_usd: 0.50", f"run_usd: {Decimal(cents) / 100}")
    assert parse_yaml(text, env={}).value["limits"]["run_usd"] * 100 == cents


def test_shorthands_mean_what_they_say() -> None:
    fan = LOADED.flows["quorum"].broadcast
    assert fan is not None
    assert [voice.agent for voice in fan.agents] == ["a", "b", "c"]
    assert fan.on_failure == FailurePolicy(mode="quorum", quorum=2)


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("run_usd: 0.50", "run_usd: -1", "limits.run_usd: '-1' is not an amount in dollars"),
        ("run_usd: 0.50", "run_usd: 0.0000000001", "limits.run_usd: 0.0000000001 is finer than a billionth"),
        ("run_usd: 0.50", "run_usd: true", "limits.run_usd: write an amount in dollars"),
        ("run_s: 300, ", "", "limits.run_s is missing; add it"),
        ("steps: 30", "steps: '30'", "limits.steps must be a whole number without quotes, like 30; it is '30'"),
        ("steps: 30", "stepps: 30", "limits.stepps is not something a roster knows; did you mean steps?"),
        ("timezone: UTC", "timezone: Mars/Base", "'Mars/Base' is no time zone"),
        ("alerts: [50]", "alerts: [80, 50]", "write the percentages once each, in rising order"),
        ("default: one", "default: nope", "there is no flow 'nope'; the flows are chain"),
        ("reviewer: critic, rounds: 3", "reviewer: nope, rounds: 3", "there is no agent 'nope'"),
        (
            "reviewer: critic, rounds: 3",
            "reviewer: critic, rounds: 0",
            "flows.team.supervisor.rounds must be at least 1; it is 0",
        ),
        ("reviewer: critic, rounds: 3", "reviewer: b, rounds: 3", ""),
        ("reviewer: critic, rounds: 3", "reviewer: chair, rounds: 3", "prompt 'chair' must show {{ draft }}"),
        ("share: 0.5}", "share: 0.6}", "the shares add up to 1.1; they may not pass 1"),
        ("{quorum: 2}", "{quorum: 4}", "quorum 4 is more than its 3 voices; lower it"),
        ("on_failure: fail_fast", "on_failure: whatever", "on_failure: write fail_fast, continue or {quorum: 2}"),
        ("collect: list", "collect: synthesis", "name a synthesizer, or write collect: list"),
        ("agents: [a, b], collect", "agents: [a, a], collect", "a stands here twice; keep one"),
        ("{description: one agent, agent: a}", "{description: one agent}", "has none of agent, router"),
        ("one agent, agent: a}", "x, agent: a, router: {agents: [b]}}", "has agent and router of agent, router"),
        (
            "spare: {model: openai/spare",
            "spare: {fallback: [spare], model: openai/spare",
            "in a circle: spare -> spare",
        ),
        ("version: 1", "version: 2", "version must be 1, the only version there is"),
        ("openai/spare", '"${SPARE}"', "SPARE is not set; set it or write ${SPARE:-default}"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_fix(wrong: str, right: str, words: str) -> None:
    text = ROSTER.replace(wrong, right)
    assert text != ROSTER
    if not words:
        load(text)
        return
    assert any(words in line for line in report(text)), report(text)
    assert all(line.startswith("roster.yml:") for line in report(text))


def test_every_mistake_is_in_one_report_at_its_line() -> None:
    text = ROSTER.replace("default: one", "default: nope").replace("share: 0.5}", "share: 0.6}")
    text = text.replace("worker: c, reviewer: critic", "worker: c, reviewer: gone")
    lines = [int(line.split(":")[1]) for line in report(text)]
    expected = [line_of(text, part) for part in ("chain:", "worker: c", "router: {model")]
    assert lines == sorted(expected)


def test_the_same_key_twice_is_a_mistake() -> None:
    text = ROSTER.replace("  one: {", "  one: {description: x, agent: b}\n  one: {")
    assert report(text) == [f"roster.yml:{line_of(text, 'one: {description: x') + 1}: one stands here twice; keep one"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("a: [", "this is not YAML"),
        ("\x00", "this is not YAML"),
        ("models: {a: {model: ${NAME}}}", "put ${NAME} in quotes"),
        ("[1, 2]", "the file must hold lines `key: value`"),
        ("a: &x [*x]", "too large or too deep"),
        ("x0: &x0 [1, 1]\n" + "\n".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]" for n in range(1, 25)), "too large"),
    ],
)
def test_what_is_no_roster_is_told_in_a_sentence(text: str, words: str) -> None:
    assert any(words in line for line in report(text))


def test_trees_have_a_bottom() -> None:
    node = "{agent: a}"
    for _ in range(MAX_DEPTH):
        node = f"{{pipeline: [{node}]}}"
    fits = ROSTER.replace("one: {description: one agent, agent: a}", f"one: {{description: x, {node[1:]}")
    assert load(fits).flows["one"].pipeline is not None
    too_deep = fits.replace("{agent: a}", "{pipeline: [{agent: a}]}", 1)
    assert any(f"nested deeper than {MAX_DEPTH}" in line for line in report(too_deep))


def test_variables_expand_from_what_is_given_only() -> None:
    text = ROSTER.replace("openai/fast", '"${FAST:-openai/other}"').replace("run_usd: 0.50", 'run_usd: "${RUN:-0.25}"')
    assert load(text).models["fast"].model == "openai/other"
    assert load(text, env={"FAST": "x/y", "RUN": "0.75"}).limits.run_nusd == 750_000_000


def test_a_prompt_with_a_mistake_is_refused() -> None:
    for source, words in [
        ("no user part", "needs one line '=== user'"),
        ("a\n=== user\n{{ nope }}", "shows nope, which nothing fills"),
        ("a\n=== user\n{{ request }}{{ request }}", "shows request more than once"),
        ("a\n=== user\n{% if %}", "cannot be rendered"),
    ]:
        lines = report(ROSTER, prompts={**PROMPTS, "critic": source})
        assert any(words in line for line in lines), lines


def test_a_later_stage_must_show_what_it_is_handed() -> None:
    prompts = {**PROMPTS, "deaf": "x\n=== user\n{{ request }}"}
    text = ROSTER.replace("agent b, model: fast, prompt: plain", "agent b, model: fast, prompt: deaf")
    lines = report(text, prompts=prompts)
    assert any("prompt 'deaf' must show {{ material }} here" in line for line in lines)


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_brings_the_same_roster_back_without_secrets() -> None:
    text = ROSTER.replace("openai/fast", '"${FAST:-openai/fast}"')
    env = {"FAST": "a-secret-name"}
    original = load(text, env=env)
    assert "a-secret-name" not in original.snapshot()
    again = from_snapshot(original.snapshot(), env=env)
    assert (again.hash, again.models, again.flows) == (original.hash, original.models, original.flows)


def test_another_prompt_is_another_snapshot() -> None:
    changed = {**PROMPTS, "plain": PROMPTS["plain"] + " "}
    assert load(prompts=changed).hash != LOADED.hash
    assert json.loads(LOADED.snapshot())["prompts"].keys() == {"chair", "critic", "plain", "router"}


@pytest.mark.parametrize("name", ["plan", "price", "admission", "synthesis", "outcome", "decision"])
def test_agents_keep_out_of_the_names_of_decisions(name: str) -> None:
    taken = ROSTER.replace("  a: {description: agent a,", f"  {name}: {{description: agent a,").replace(
        "agent: a}", f"agent: {name}}}"
    )
    assert any(f"{name!r} is a name the journal needs" in line for line in report(taken))

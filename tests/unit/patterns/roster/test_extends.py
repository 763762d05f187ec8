"""A roster that extends the shipped one says only what is different, and a run keeps the whole of it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from patterns.core.errors import RosterError
from patterns.roster import bases
from patterns.roster.bases import find_base, versions
from patterns.roster.json_schema import json_schema
from patterns.roster.roster import Roster, from_snapshot, load_roster

ROOT = Path(__file__).parents[4]
SHIPPED = load_roster((ROOT / "patterns" / "roster.yml").read_text("utf-8"), file="roster.yml", env={})
KEPT = {1: "11ad3d73cd07a26279c7ed9dd5dc825d8e12c54e3b0be82e3234bc26e7714608"}
"""The hashes of the versions that are kept: their files never change."""


def load(text: str, *, folder: Path | None = None) -> Roster:
    return load_roster(text, file="ours.yml", env={}, folder=folder)


def shape_of(schema: Any) -> Any:
    """A schema without its descriptions, which are docstrings."""
    if isinstance(schema, list):
        return [shape_of(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: shape_of(one) for key, one in schema.items() if not (key == "description" and isinstance(one, str))}


def report(text: str) -> list[str]:
    with pytest.raises(RosterError) as refused:
        load(text)
    return str(refused.value).splitlines()


def test_nothing_said_is_the_shipped_roster() -> None:
    ours = load("extends: shipped\n")
    assert (ours.models, ours.agents, ours.flows) == (SHIPPED.models, SHIPPED.agents, SHIPPED.flows)
    assert (ours.router, ours.limits, ours.budgets) == (SHIPPED.router, SHIPPED.limits, SHIPPED.budgets)
    assert ours.prompts == SHIPPED.prompts


def test_an_empty_section_is_inherited() -> None:
    assert load("extends: shipped\nflows:\nlimits:\n").flows == SHIPPED.flows


def test_a_key_changes_and_its_neighbours_stay() -> None:
    ours = load("extends: shipped\nagents:\n  writer: {model: strong}\nlimits: {run_usd: 1.25}\n")
    assert ours.agents["writer"] == SHIPPED.agents["writer"].model_copy(update={"model": "strong"})
    assert (ours.limits.run_nusd, ours.limits.steps) == (1_250_000_000, SHIPPED.limits.steps)


def test_agents_and_flows_are_added() -> None:
    ours = load(
        "extends: shipped\n"
        "agents:\n"
        "  lawyer: {description: Reads contracts., model: fast, prompt: You read contracts.,"
        " max_output_tokens: 300, timeout_s: 60}\n"
        "flows:\n"
        "  contract: {description: Reads a contract., agent: lawyer}\n"
    )
    assert set(ours.agents) == {*SHIPPED.agents, "lawyer"}
    assert set(ours.flows) == {*SHIPPED.flows, "contract"}


def test_a_list_is_replaced() -> None:
    ours = load("extends: shipped\nflows:\n  answer: {router: {agents: [writer, coach]}}\n")
    router = ours.flows["answer"].router
    assert router is not None
    assert router.agents == ("writer", "coach")
    assert ours.flows["answer"].description == SHIPPED.flows["answer"].description


def test_a_flow_that_names_another_pattern_gives_up_the_inherited_one() -> None:
    ours = load("extends: shipped\nflows:\n  answer: {agent: writer}\n")
    assert (ours.flows["answer"].agent, ours.flows["answer"].router) == ("writer", None)


def test_a_part_deep_inside_a_flow_changes() -> None:
    ours = load("extends: shipped\nflows:\n  draft: {supervisor: {human: none}}\n")
    before, after = SHIPPED.flows["draft"].supervisor, ours.flows["draft"].supervisor
    assert before is not None
    assert after == before.model_copy(update={"human": "none"})


def test_null_leaves_an_entry_out() -> None:
    ours = load("extends: shipped\nflows:\n  translate: null\n  postmortem: ~\n")
    assert set(SHIPPED.flows) - set(ours.flows) == {"translate", "postmortem"}


def test_what_is_missed_in_the_inherited_part_is_told_where_it_can_be_mended() -> None:
    (line,) = report("extends: shipped\nagents:\n  coach: null\n")
    assert line.startswith(
        "ours.yml:1: flows.answer.router.agents[5], inherited from shipped: there is no agent 'coach'"
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("shiped", "extends: 'shiped' is nothing a roster can extend; did you mean shipped?"),
        ("../base.yml", "is nothing a roster can extend; write shipped, or shipped@1 to stay with that version"),
        ("shipped@99", "extends: there is no shipped@99; the versions are shipped@1"),
        ("[shipped]", "is nothing a roster can extend"),
    ],
)
def test_what_cannot_be_extended_is_told_with_everything_else(said: str, words: str) -> None:
    lines = report(f"extends: {said}\nrouter: {{default: anser}}\n")
    assert words in lines[0]
    assert "did you mean 'answer'?" in lines[1]
    assert [line.startswith("ours.yml:") for line in lines] == [True, True]


def test_a_version_stays_what_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = load("extends: shipped@1\n")
    changed = tmp_path / "roster.yml"
    changed.write_text("version: 1\n", "utf-8")
    monkeypatch.setattr(bases, "SHIPPED_ROSTER", changed)
    monkeypatch.setattr(bases, "shipped_files", lambda: {"writer.md.j2": "Changed.\n=== user\n{{ request }}"})
    after = load("extends: shipped@1\n")
    assert (after.hash, after.prompts, after.flows) == (before.hash, before.prompts, before.flows)


def test_every_version_that_is_kept_still_loads_and_never_changes() -> None:
    found = {
        number: hashlib.sha256(Path(bases._VERSIONS / f"{number}.json").read_bytes()).hexdigest()
        for number in versions()
    }
    assert found == KEPT
    assert [load(f"extends: shipped@{number}\n").flows.keys() > {"answer"} for number in found] == [True] * len(found)


def test_a_release_keeps_what_it_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bases, "_VERSIONS", tmp_path)
    assert bases.freeze() == tmp_path / "1.json"
    assert bases.freeze() is None
    assert find_base("shipped@1").text == bases.shipped_now().text


def test_own_prompts_come_before_those_of_a_version(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "_house.md.j2").write_text("Our tone.\n", "utf-8")
    ours = load("extends: shipped@1\n", folder=tmp_path)
    assert ours.prompts["researcher"].source.startswith("Our tone.\n")


def test_a_run_keeps_a_roster_that_extends_nothing() -> None:
    """A process of an earlier version, which reads plain rosters only, may have to go on with the run."""
    ours = load("extends: shipped\nagents:\n  writer: {prompt: You write our way.}\nrouter: {prompt: Choose well.}\n")
    kept = json.loads(ours.snapshot())
    alone = yaml.safe_load(kept["source"])
    assert "extends" not in alone
    assert alone["agents"]["writer"]["prompt"] == "inline-writer"
    assert set(kept["prompts"]) >= {"inline-writer", "inline-router", "editor"}
    again = from_snapshot(ours.snapshot(), env={})
    assert (again.hash, again.agents, again.flows) == (ours.hash, ours.agents, ours.flows)
    assert (again.router, again.limits, again.prompts) == (ours.router, ours.limits, ours.prompts)


def test_variables_stay_unexpanded_in_what_a_run_keeps() -> None:
    ours = load_roster(
        'extends: shipped\nmodels:\n  fast: {api_base: "${GATEWAY:-http://x}"}\n',
        file="ours.yml",
        env={"GATEWAY": "http://user:secret@gateway"},
    )
    assert ours.models["fast"].api_base == "http://user:secret@gateway"
    assert "secret" not in ours.snapshot()


def test_editors_check_changes_as_well_as_whole_rosters() -> None:
    published = json.loads((ROOT / "docs" / "roster.schema.json").read_text("utf-8"))
    assert shape_of(published) == shape_of(json_schema()), "print it anew: python -m patterns.roster.json_schema"
    check = jsonschema.Draft202012Validator(published)
    right = "extends: shipped\nagents: {writer: {model: strong}}\nflows: {translate: null}\n"
    starter = (ROOT / "templates" / "roster" / "roster.yml").read_text("utf-8")
    assert [check.is_valid(yaml.safe_load(text)) for text in (right, starter)] == [True, True]
    wrong = ("extends: shipped\nagents: {writer: {modl: strong}}\n", "agents: {writer: {model: strong}}\n")
    assert [check.is_valid(yaml.safe_load(text)) for text in wrong] == [False, False]


@pytest.mark.parametrize(
    ("written", "read"), [("off", "off"), ("trial", "trial"), ("on", "on"), ("true", "on"), ("false", "off")]
)
def test_new_channels_is_read_and_no_run_needs_it(written: str, read: str) -> None:
    ours = load(f"extends: shipped\nbudgets: {{new_channels: {written}}}\n")
    assert ours.budgets.new_channels == read
    assert "new_channels" not in yaml.safe_load(json.loads(ours.snapshot())["source"])["budgets"]


def test_new_channels_are_on_trial_where_nothing_is_said() -> None:
    assert SHIPPED.budgets.new_channels == "trial"

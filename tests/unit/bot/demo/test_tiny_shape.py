"""What the tiny model is asked and held to: simple words in, a bounded form out, a poor text told from a fair one."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.demo.tiny_model import ROSTER
from bot.demo.tiny_shape import SENTENCES, faults, narrow, shaped
from patterns.roster.roster import Roster, load_roster
from patterns.router import route_schema
from patterns.supervisor import VERDICT_SCHEMA

REQUEST = "Should a small team use SQLite or PostgreSQL for its event log?"


@pytest.fixture(scope="module")
def roster() -> Roster:
    return load_roster(Path(ROSTER).read_text("utf-8"), file=ROSTER.name, env={}, folder=ROSTER.parent)


def asked(roster: Roster, agent: str = "helper", **more: Any) -> dict[str, Any]:
    slots = {"request": REQUEST, "voices": "SQLite is one file.", "acceptance": "It answers."}
    shown = roster.prompts[roster.agent(agent).prompt].render(slots, 4000)
    messages = [{"role": "system", "content": shown.system}, {"role": "user", "content": shown.user}]
    return {"model": "tiny", "messages": messages, "temperature": 0.2, "seed": 7, **more}


def reply(text: str, finish: str = "stop") -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "finish_reason": finish}]}


def test_its_prompts_are_a_few_words_and_the_request(roster: Roster) -> None:
    body = shaped(asked(roster))
    assert [said["content"] for said in body["messages"]] == ["Answer the request in three short sentences.", REQUEST]


def test_no_mark_reaches_the_model_in_any_part_of_its_roster(roster: Roster) -> None:
    for agent in (*roster.agents, "router"):
        for said in shaped(asked(roster, agent))["messages"]:
            assert "<" not in said["content"], agent
            assert len(said["content"]) < 700, agent


def test_a_text_is_held_to_sentences_and_a_further_try_differs(roster: Roster) -> None:
    first, second = (shaped(asked(roster, stream=True), number) for number in (0, 1))
    assert first["grammar"] == SENTENCES
    assert first["stream"] is False
    assert (first["seed"], second["seed"]) == (7, 8)
    assert second["messages"][-1]["content"].endswith("Use the words small and team.")


@pytest.mark.parametrize("kind", ["route", "verdict"])
def test_what_a_narrow_schema_allows_the_wide_one_allows(roster: Roster, kind: str) -> None:
    wide = route_schema(roster) if kind == "route" else dict(VERDICT_SCHEMA)
    narrowed = narrow(wide)
    good: dict[str, Any] = {"flow": "answer", "agents": [], "confidence": 0.7, "reason": "It asks a question"}
    if kind == "verdict":
        point = {"criterion": "It answers", "met": True, "change": "Nothing to do"}
        good = {"feedback": [point], "score": 8, "accepted": True}
    for schema in (wide, narrowed):
        assert Draft202012Validator(schema).is_valid(good)


def test_a_narrow_schema_has_no_room_for_rows_of_numbers(roster: Roster) -> None:
    narrowed = narrow(route_schema(roster))
    bad = {"flow": "answer", "agents": [], "confidence": 0.7, "reason": "1.1.1.1.1"}
    assert not Draft202012Validator(narrowed).is_valid(bad)
    assert not Draft202012Validator(narrowed).is_valid({**bad, "reason": "It asks", "confidence": 100})


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("SQLite suits a small team.", 0),
        ("SQLite suits a small team. SQLite suits a small team.", 1),
        ("Bananas are yellow.", 2),
        ("SQLite suits a small team in three short sentences. Answer the request in three short sentences.", 5),
        (f"{REQUEST}", 1),
        ("SQLite suits a small team: 1.", 1),
        (f"SQLite suits a small team, {'and so on, ' * 30}that is it.", 1),
    ],
)
def test_faults_of_a_text(roster: Roster, text: str, count: int) -> None:
    assert faults(asked(roster), reply(text)) >= count
    assert (faults(asked(roster), reply(text)) == 0) == (count == 0)


def test_a_text_that_was_cut_has_a_fault(roster: Roster) -> None:
    assert faults(asked(roster), reply("SQLite suits a small team.", "length")) == 1

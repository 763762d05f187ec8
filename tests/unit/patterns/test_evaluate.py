"""Figures of the Router on a team's own requests."""

import pytest

from patterns.core.calls import ModelRequest
from patterns.core.errors import UserError
from patterns.evaluate import check_examples, evaluate_routes, read_examples, report
from tests.fakes.memory import Memory
from tests.fakes.model import Reply, ScriptedModel, user_of
from tests.support.pattern_runs import CTX, roster, services

FILE = """
{"text": "compare", "pattern": "fan", "agents": []}
{"text": "simple", "pattern": "pick", "agents": ["b"]}
{"text": "chain it", "pattern": "pipeline", "agents": ["a", "b"]}
{"text": "mistaken", "pattern": "fan"}
"""


def reply(request: ModelRequest) -> Reply:
    text = user_of(request)
    answers = {
        "compare": ("fan", []),
        "simple": ("pick", ["b"]),
        "chain it": ("pipeline", ["a", "c"]),
        "mistaken": ("team", []),
    }
    flow, agents = next(answer for word, answer in answers.items() if f"\n{word}\n" in text)
    return {"flow": flow, "agents": agents, "confidence": 0.9, "reason": "r"}


async def test_accuracy_confusion_agents_cost_and_time_are_told() -> None:
    memory = Memory()
    with ScriptedModel(reply) as model:
        outcomes = await evaluate_routes(CTX, services(model, memory, steps=1), read_examples(FILE))
    assert report(outcomes).splitlines() == [
        "3 of 4 right (75 %)",
        "",
        "flow or pattern  right  of",
        "fan  1  2  50 %",
        "pick  1  1  100 %",
        "pipeline  1  1  100 %",
        "",
        "taken for another",
        "fan -> team  1",
        "",
        "agents alike: 0.67 (1.00 means the same agents)",
        "",
        "default flow taken: 0",
        "cost: $0.00048",
        "latency: 0 ms median, 0 ms at most",
    ]


async def test_a_decision_that_cannot_run_counts_as_the_default_that_runs_instead() -> None:
    line = '{"text": "review it", "pattern": "supervisor", "agents": ["a", "b", "critic"]}'
    answer = {"flow": "supervisor", "agents": ["a", "b", "critic"], "confidence": 0.9, "reason": "r"}
    with ScriptedModel([answer]) as model:
        (outcome,) = await evaluate_routes(CTX, services(model, Memory(), steps=1), read_examples(line))
    assert (outcome.said, outcome.decision.chosen_by, outcome.decision.agents) == ("one", "default", ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The file has no examples"),
        ("no", "Line 1 is not JSON"),
        ("[" * 100_000, "Line 1 is not JSON"),
        ('\n{"text": "x"}', "Line 2 is no example with text, flow \\(or pattern\\) and agents: flow: Field required"),
        ("[]", "Line 1 is no example"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_examples(text)


def test_files_of_other_systems_are_read() -> None:
    lines = ['{"text": "a\u2028b", "pattern": "fan"}', '{"text": "c", "pattern": "fan"}']
    assert [example.text for example in read_examples("\ufeff" + "\r\n".join(lines))] == ["a\u2028b", "c"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "x", "pattern": "fun"}', "There is no flow or pattern 'fun'. Write one of chain, "),
        ('{"text": "x", "pattern": "fan", "agents": ["z"]}', "There is no agent 'z'. The agents are a, "),
    ],
)
def test_a_name_that_nobody_could_answer_is_a_mistake_of_the_file(line: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_examples(roster(), read_examples(line))

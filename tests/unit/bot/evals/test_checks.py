"""Checks say what pydantic_evals says of the same answers, and what is no check is refused with its place."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.evals.check import Observed, ToolUse
from bot.evals.checks import KINDS, read_check
from bot.evals.dataset import read_dataset
from patterns.core.errors import UserError

ROOT = Path(__file__).parents[4]
FILE = ROOT / "tests" / "data" / "evals" / "both.yaml"
ANSWERS: dict[str, dict[str, Any]] = {
    "Should we move the launch to May?": {
        "output": "Move it to May.",
        "tools": [("search", False), ("search", False)],
    },
    "What happened?": {"output": "The cache was full.", "tools": [("read", True)]},
}


def observed(inputs: str, expected: str | None = None) -> Observed:
    answer = ANSWERS[inputs]
    tools = tuple(ToolUse(*use) for use in answer["tools"])
    return Observed(str(answer["output"]), 1_000_000, 1.0, 2, tools, expected)


def test_a_dataset_of_pydantic_evals_gets_the_same_verdicts_here_as_there() -> None:
    ours: dict[str, dict[str, bool | float]] = {}
    for case in read_dataset(FILE.read_text("utf-8"), file=FILE.name).cases:
        said = (check.judge(observed(case.inputs.request, case.expected)) for check in case.checks)
        verdicts = [verdict for verdict in said if verdict is not None]
        ours[case.name] = {one.check: one.passed if one.score is None else one.score for one in verdicts}
    command = [sys.executable, "-m", "tests.support.pydantic_verdicts", str(FILE), json.dumps(ANSWERS)]
    theirs = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    assert ours == json.loads(theirs.stdout)


@pytest.mark.parametrize(
    ("name", "given", "passes"),
    [
        ("Matches", "^Move .* May", True),
        ("Matches", "June", False),
        ("MaxCost", 0.001, True),
        ("MaxCost", 0.0009, False),
        ("MaxDuration", 1, True),
        ("MaxDuration", 0.5, False),
        ("MaxModelRequests", 2, True),
        ("MaxModelRequests", 1, False),
        ("Schema", {"type": "object"}, False),
    ],
)
def test_a_check_passes_what_it_names(name: str, given: object, passes: bool) -> None:  # noqa: FBT001 - a table
    check = read_check(name, [given], {}, where="here")
    verdict = check.judge(observed("Should we move the launch to May?"))
    assert verdict is not None
    assert verdict.passed is passes
    assert bool(verdict.reason) is not passes


def test_an_answer_of_the_schema_passes() -> None:
    schema = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
    check = read_check("Schema", [], {"schema": schema}, where="here")
    verdicts = [check.judge(Observed(text, 0, 0.0, 1)) for text in ('{"day": "Monday"}', '{"day": 1}')]
    assert [verdict.passed for verdict in verdicts if verdict] == [True, False]


@pytest.mark.parametrize(
    ("name", "given", "named", "said"),
    [
        ("Contain", [], {}, "there is no check 'Contain'. There are Equals"),
        ("Contains", [], {}, "Contains.value: "),
        ("Contains", ["a", "b"], {}, "takes its arguments by name: value, case_sensitive"),
        ("EqualsExpected", ["a"], {}, "takes its arguments by name: evaluation_name"),
        ("Contains", [], {"value": "a", "case": True}, "Contains.case: "),
        ("Matches", ["("], {}, "is no regular expression"),
        ("MaxCost", ["a lot"], {}, "MaxCost.usd: "),
        ("LLMJudge", [], {"rubric": "good", "model": "openai:gpt-5"}, "name one with --judge"),
    ],
)
def test_what_is_no_check_is_refused(name: str, given: list[object], named: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_check(name, given, named, where="cases.yaml: launch: evaluators")
    assert said in str(caught.value)
    assert str(caught.value).startswith("cases.yaml: launch: evaluators: ")


def test_every_check_is_documented() -> None:
    text = (ROOT / "docs" / "evals.md").read_text("utf-8")
    assert [name for name in KINDS if f"`{name}" not in text] == []

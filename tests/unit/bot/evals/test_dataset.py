"""Dataset files: three ways to write them, and what cannot be read is refused in a sentence."""

import pytest

from bot.evals.checks import Contains, MaxDuration
from bot.evals.dataset import SAMPLE, CaseInputs, read_dataset
from patterns.core.errors import UserError

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\ncases: [*b]\n"


def test_the_sample_that_mistakes_are_shown_is_a_dataset() -> None:
    dataset = read_dataset(SAMPLE, file="sample.yaml")
    assert (dataset.name, [case.name for case in dataset.cases]) == ("sample", ["launch"])


YAML = """
cases:
- {inputs: Say why, evaluators: [{Contains: because}]}
- {inputs: {request: Say how, flow: plan}}
"""
JSON = """{"cases": [
  {"inputs": "Say why", "evaluators": [{"Contains": "because"}]}, {"inputs": {"request": "Say how", "flow": "plan"}}
]}"""
LINES = """{"text": "Say why", "evaluators": [{"Contains": "because"}]}

{"inputs": {"request": "Say how", "flow": "plan"}}
"""


@pytest.mark.parametrize(("text", "kind"), [(YAML, "yaml"), (JSON, "json"), (LINES, "jsonl")])
def test_yaml_json_and_lines_say_the_same(text: str, kind: str) -> None:
    first, second = read_dataset(text, file=f"same.{kind}").cases
    assert (first.inputs, first.checks) == (CaseInputs(request="Say why"), (Contains("because"),))
    assert (second.inputs, second.checks) == (CaseInputs(request="Say how", flow="plan"), ())


def test_the_file_s_checks_are_every_case_s() -> None:
    text = "cases: [{inputs: a, evaluators: [{Contains: b}]}, {inputs: c}]\nevaluators: [{MaxDuration: 3}]\n"
    assert [case.checks for case in read_dataset(text, file="x.yaml").cases] == [
        (Contains("b"), MaxDuration(3)),
        (MaxDuration(3),),
    ]


@pytest.mark.parametrize(
    ("text", "file", "said"),
    [
        ("", "x.yaml", "x.yaml: it: "),
        ("cases: []", "x.yaml", "x.yaml: cases: "),
        ("cases: [", "x.yaml", "x.yaml cannot be read: "),
        ("cases: [{}]", "x.yaml", "x.yaml: cases.0.inputs: "),
        ("cases: [{inputs: '  '}]", "x.yaml", "inputs are empty"),
        ("cases: [{inputs: a, checks: []}]", "x.yaml", "x.yaml: cases.0.checks: "),
        ("cases: [{inputs: a, name: n}, {inputs: b, name: n}]", "x.yaml", "two cases are called 'n'"),
        ("cases: [{inputs: a, evaluators: [[]]}]", "x.yaml", "a check is a name, or a name with its arguments"),
        ("report_evaluators: []\ncases: [{inputs: a}]", "x.yaml", "x.yaml: report_evaluators: "),
        (BOMB, "x.yaml", "aliases (*name) are not taken"),
        ("[" * 5000, "x.json", "x.json cannot be read: "),
        ("{}\nnot JSON", "x.jsonl", "x.jsonl: line 2 is not JSON"),
        ("a" * 10_000_001, "x.yaml", "has more than 10 MB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, file: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_dataset(text, file=file)
    assert said in str(caught.value)

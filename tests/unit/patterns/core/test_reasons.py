"""Every reason that the program can give has its sentence, and what a newer program stored can still be read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from patterns.core.reasons import TABLE, Reason
from patterns.models import faults

ROOT = Path(__file__).parents[4]
CALLS = {"Failure": "reason", "ModelError": "reason", "LimitReachedError": "limit", "BudgetExceededError": "blocked"}
"""What raises with a reason, and under which name it takes it; `Failure` takes it first as well."""


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_a_clause_and_a_sentence_without_a_code(reason: Reason) -> None:
    sentence = reason.sentence(model="gpt-5", owner="Dana")
    assert sentence[0].isupper() or sentence.startswith("gpt-5")
    assert sentence.endswith(".")
    assert [mark for mark in ("{", "}", "_", "..", "An an ") if mark in reason.clause()] == []
    assert reason.clause()[0].islower()


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(Reason)


def test_a_model_that_the_text_has_not_named_is_named() -> None:
    assert Reason.OVERLOADED.clause() == "its provider was overloaded"
    assert Reason.OVERLOADED.sentence(model="gpt-5") == (
        "The provider of gpt-5 was overloaded. Try again in a few minutes."
    )


def test_a_code_of_a_newer_program_reads_as_a_plain_clause() -> None:
    assert Reason("spilled_coffee").clause() == "the reason is not known to this version"


@pytest.mark.parametrize("stored", ["rate_limit", "run_s", "invalid_output", "the provider sent no usage", "stopped"])
def test_what_is_stored_already_keeps_its_reason(stored: str) -> None:
    assert Reason(stored) is not Reason.UNKNOWN
    assert Reason(stored).value == stored


def test_every_reason_that_is_raised_is_in_the_table() -> None:
    written = {code for room in ("patterns", "storage", "bot") for code in _codes(ROOT / room)}
    assert {code for code in written if Reason(code) is Reason.UNKNOWN} == set()
    assert {"malformed", "timeout", "connection"} <= written


def test_every_status_of_a_provider_is_in_the_table() -> None:
    assert {code for code in faults._BY_STATUS.values() if Reason(code) is Reason.UNKNOWN} == set()


def _codes(room: Path) -> Iterator[str]:
    """Yield the literal reasons that code under a folder raises."""
    for file in room.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in CALLS:
                given = [word.value for word in node.keywords if word.arg == CALLS[name]]
                given += node.args[:1] if name == "Failure" else []
                yield from (str(code.value) for value in given for code in ast.walk(value) if _is_text(code))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)

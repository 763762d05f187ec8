"""Dates and arithmetic: exact, bounded, and no code is ever evaluated."""

import pytest

from patterns.tools.built_in import SCHEMAS, BuiltInTools, calculate
from tests.fakes.memory import Memory


async def told(tool: str, **given: object) -> str:
    memory = Memory(now_s=1_795_867_200)  # 2026-11-28 12:00 UTC
    return (await BuiltInTools(memory).call(tool, given, key="k", timeout_s=1)).text


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("0.1 + 0.2", "0.3"),
        ("(1234.50 - 34.5) / 12", "100"),
        ("2 ** 10", "1024"),
        ("7 // 2 + 7 % 2", "4"),
        ("-3 + +1", "-2"),
        ("round(2 / 3, 2)", "0.67"),
        ("max(1, 2, 3) + sum(1, 2) + abs(-4)", "10"),
        ("100 * 1000000", "100000000"),
    ],
)
def test_arithmetic_is_exact(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "(1).real", "[1]", "1 if 1 else 2", "'a' * 9", "lambda: 1", "x", "2 ** 100000", "1 +", "True"],
)
def test_what_is_no_arithmetic_is_not_evaluated(expression: str) -> None:
    with pytest.raises(ValueError, match=r"understood|expression|exponent"):
        calculate(expression)


@pytest.mark.parametrize("expression", ["1 / 0", "9 ** 999 ** 9", "(" * 250 + "1" + ")" * 40, "0 ** -1"])
async def test_what_cannot_be_worked_out_is_an_error_with_its_reason(expression: str) -> None:
    answer = await BuiltInTools(Memory()).call("arithmetic.calculate", {"expression": expression}, key="k", timeout_s=1)
    assert answer.is_error
    assert answer.text.startswith("That cannot be worked out: ")


async def test_the_clock_tells_date_weekday_and_zone() -> None:
    assert await told("clock.now") == "2026-11-28T12:00:00+00:00, Saturday, week 48, time zone UTC"
    assert (await told("clock.now", zone="Europe/Berlin")).startswith("2026-11-28T13:00:00+01:00")
    assert "cannot be worked out" in await told("clock.now", zone="Nowhere/Land")
    assert "cannot be worked out" in await told("clock.now", zone="../../etc/passwd")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"start": "2026-01-31", "months": 1}, "2026-02-28, Saturday"),
        ({"start": "2024-02-29", "years": 1}, "2025-02-28, Friday"),
        ({"start": "2026-03-01", "days": -1}, "2026-02-28, Saturday"),
        ({"start": "2026-03-01T23:30", "hours": 1}, "2026-03-02T00:30, Monday"),
    ],
)
async def test_a_span_is_added_to_a_date(given: dict[str, object], shown: str) -> None:
    assert await told("clock.shift", **given) == shown


async def test_days_between_two_dates_are_counted() -> None:
    assert await told("clock.between", start="2026-11-28", end="2026-12-24") == (
        "26 days (3 weeks and 5 days), 18 of them working days"
    )


def test_what_a_model_is_told_of_them_is_short() -> None:
    for schema in SCHEMAS.values():
        assert len(schema.description) + len(str(dict(schema.parameters))) < 1200

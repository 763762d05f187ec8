"""Amounts of a run in one column: they add up, and what counts in full is the same as what was held."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.messages.story_amounts import Amounts
from bot.messages.story_views import StepLine, StoryView
from tests.support.stories import attempt, step, story

MONEY = st.integers(0, 5_000_000_000)


def view_of(*paid_and_held: tuple[int, int]) -> StoryView:
    """Return a run whose steps cost and held that much."""
    lines = [step(number, cost_nusd=cost, held_nusd=held) for number, (cost, held) in enumerate(paid_and_held, start=1)]
    return replace(story(1), steps=tuple(lines))


def total(shown: list[str]) -> Decimal:
    return sum((Decimal(one.replace(",", "")[1:]) for one in shown), Decimal(0))


@given(st.lists(st.tuples(MONEY, MONEY).map(lambda two: (min(two), max(two))), min_size=1, max_size=12))
def test_each_column_adds_up(paid_and_held: list[tuple[int, int]]) -> None:
    view = view_of(*paid_and_held)
    amounts = Amounts(view)
    assert total([amounts.cost(line) for line in view.steps]) == total([amounts.paid])
    assert abs(total([amounts.hold(line) for line in view.steps]) - total([amounts.held])) <= Decimal("0.02")


def test_what_counts_in_full_is_what_was_held() -> None:
    view = view_of((120_000, 5_340_000), (110_000, 5_330_000), (5_325_000, 5_325_000))
    amounts = Amounts(view)
    assert [(amounts.cost(line), amounts.hold(line)) for line in view.steps] == [
        ("$0.0001", "$0.0053"), ("$0.0001", "$0.0053"), ("$0.0054", "$0.0054"),
    ]  # fmt: skip
    assert (amounts.paid, amounts.held) == ("$0.0056", "$0.0160")


def test_attempts_add_up_to_their_step() -> None:
    tries: tuple[StepLine, ...] = (
        step(1, cost_nusd=25_000_000, held_nusd=60_000_000, attempts=(
            attempt(1, cost_nusd=12_400_000, held_nusd=30_000_000),
            attempt(2, cost_nusd=12_600_000, held_nusd=30_000_000),
        )),
    )  # fmt: skip
    amounts = Amounts(replace(story(1), steps=tries))
    assert (amounts.cost(tries[0]), amounts.attempts(tries[0])) == ("$0.03", [("$0.01", "$0.03"), ("$0.02", "$0.03")])

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from patterns.core.money import NUSD_PER_USD, format_left, format_spent, format_usd, rounded_parts

CENT = NUSD_PER_USD // 100


@given(st.lists(st.integers(0, 50 * NUSD_PER_USD), max_size=30))
def test_rounded_parts_add_up_to_the_sum_that_people_see(parts: list[int]) -> None:
    rounded = rounded_parts(parts)
    # As numbers: $0.0100 and $0.01 say the same.
    seen, added = (Decimal(format_usd(nusd)[1:]) for nusd in (sum(parts), sum(rounded)))
    assert added == seen
    unit = CENT if sum(parts) >= CENT else 1
    assert all(abs(one - part) <= unit * CENT for one, part in zip(rounded, parts, strict=True))


@given(st.lists(st.integers(0, CENT // 10), min_size=1, max_size=9))
def test_sums_below_a_cent_add_up_too(parts: list[int]) -> None:
    seen, added = (Decimal(format_usd(nusd)[1:]) for nusd in (sum(parts), sum(rounded_parts(parts))))
    assert added == seen


def test_the_largest_remainders_go_up() -> None:
    thirds = [NUSD_PER_USD // 3, NUSD_PER_USD // 3, NUSD_PER_USD // 3 + 1]
    assert rounded_parts(thirds) == [33 * CENT, 33 * CENT, 34 * CENT]


@given(st.integers(0, 100_000), st.integers(0, 1_000 * NUSD_PER_USD))
def test_nobody_is_promised_more_than_there_is(limit_cents: int, spent_nusd: int) -> None:
    limit_nusd = limit_cents * CENT
    left_nusd = max(0, limit_nusd - spent_nusd)
    left, spent = (Decimal(said.replace(",", "")[1:]) for said in (format_left(left_nusd), format_spent(spent_nusd)))
    assert left * NUSD_PER_USD <= left_nusd
    assert spent * NUSD_PER_USD >= spent_nusd
    if left_nusd >= CENT and spent_nusd >= CENT:
        assert left + spent == Decimal(limit_cents) / 100


def test_two_digits_below_a_cent_stay_two_when_rounding_carries() -> None:
    assert [format_usd(nusd) for nusd in (99_500, 9_950_000, 9_949_999, 1, 0)] == [
        "$0.00010",
        "$0.01",
        "$0.0099",
        "$0.0000000010",
        "$0.00",
    ]


def test_what_is_below_a_cent_is_rounded_the_same_way() -> None:
    assert (format_left(1_239_999), format_spent(1_230_001)) == ("$0.0012", "$0.0013")

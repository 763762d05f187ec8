from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from patterns.money import NUSD_PER_USD, format_usd, rounded_parts

CENT = NUSD_PER_USD // 100


@given(st.lists(st.integers(0, 50 * NUSD_PER_USD), max_size=30))
def test_rounded_parts_add_up_to_the_sum_that_people_see(parts: list[int]) -> None:
    rounded = rounded_parts(parts)
    assert format_usd(sum(rounded)) == format_usd(sum(parts))
    unit = CENT if sum(parts) >= CENT else 1
    assert all(abs(one - part) <= unit * CENT for one, part in zip(rounded, parts, strict=True))


@given(st.lists(st.integers(0, CENT // 10), min_size=1, max_size=9))
def test_sums_below_a_cent_add_up_too(parts: list[int]) -> None:
    # As numbers: $0.0100 and $0.01 say the same.
    seen, added = (Decimal(format_usd(nusd)[1:]) for nusd in (sum(parts), sum(rounded_parts(parts))))
    assert added == seen


def test_the_largest_remainders_go_up() -> None:
    thirds = [NUSD_PER_USD // 3, NUSD_PER_USD // 3, NUSD_PER_USD // 3 + 1]
    assert rounded_parts(thirds) == [33 * CENT, 33 * CENT, 34 * CENT]

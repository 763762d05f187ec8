from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from patterns.core.money import (
    NUSD_PER_USD,
    Price,
    Tier,
    Usage,
    format_left,
    format_spent,
    format_usd,
    rounded_parts,
)

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


def test_cache_writes_are_dearer_than_plain_input_and_reads_are_cheaper() -> None:
    price = Price(1_000_000_000, 2_000_000_000, 100_000_000)
    assert price.cost_nusd(Usage(1050, 20, cache_write_tokens=1000)) == 50_000 + 1_250_000 + 40_000
    assert price.cost_nusd(Usage(1050, 20, cache_write_1h_tokens=1000)) == 50_000 + 2_000_000 + 40_000
    assert price.cost_nusd(Usage(1050, 20, cached_input_tokens=1000)) == 50_000 + 100_000 + 40_000


def test_a_known_rate_of_cache_writes_counts_and_grows_with_its_tier() -> None:
    tiers = (Tier(1000, 2_000_000_000, 2_000_000_000),)
    price = Price(
        1_000_000_000,
        2_000_000_000,
        tiers=tiers,
        cache_write_nusd_per_mtok=1_100_000_000,
        cache_write_1h_nusd_per_mtok=3_000_000_000,
    )
    assert price.cost_nusd(Usage(1000, 0, cache_write_tokens=1000)) == 1_100_000
    assert price.cost_nusd(Usage(2000, 0, cache_write_tokens=2000)) == 4_400_000
    assert price.cost_nusd(Usage(2000, 0, cache_write_1h_tokens=2000)) == 12_000_000
    assert price.version == "1000000000^1100000000^1h3000000000/2000000000;>1000:2000000000/2000000000"


COUNTS = st.integers(0, 10_000)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.sampled_from([None, 0, 10**9, 5 * 10**9]))
def test_no_division_of_the_input_costs_more_than_the_bound(
    plain: int, cached: int, written: int, written_1h: int, output: int, known: int | None
) -> None:
    price = Price(
        10**9,
        2 * 10**9,
        10**8,
        tiers=(Tier(5000, 3 * 10**9, 4 * 10**9),),
        cache_write_nusd_per_mtok=known,
        cache_write_1h_nusd_per_mtok=known,
    )
    given = plain + cached + written + written_1h
    usage = Usage(given, output, cached, cache_write_tokens=written, cache_write_1h_tokens=written_1h)
    bound = price.bound_nusd(input_tokens=given, output_tokens=output, writes_cache=True)
    assert price.cost_nusd(usage) <= bound
    assert price.cost_nusd(Usage(given, output, cached)) <= price.bound_nusd(input_tokens=given, output_tokens=output)

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.money import NUSD_PER_USD, Price, Tier, Usage, exact_usd, format_left, format_usd
from patterns.core.shares import decimals_for, rounded_parts, usd_parts, usd_rounded, whole_percents

CENT = NUSD_PER_USD // 100


def read(text: str) -> Decimal:
    """The amount as a number: `$0.0100` and `$0.01` say the same."""
    return Decimal(text.replace(",", "")[1:])


AMOUNTS = st.integers(0, 50 * NUSD_PER_USD) | st.integers(0, CENT)


@given(st.lists(st.integers(CENT, 50 * NUSD_PER_USD), min_size=1, max_size=30))
def test_rounded_parts_add_up_to_the_sum_that_people_see(parts: list[int]) -> None:
    shown = rounded_parts(parts)
    assert sum(read(format_usd(part)) for part in shown) == read(format_usd(sum(parts)))
    assert all(abs(one - part) < CENT for one, part in zip(shown, parts, strict=True))


@given(st.lists(AMOUNTS, max_size=30))
def test_parts_below_a_cent_keep_their_digits_and_the_sum_is_never_a_cent_off(parts: list[int]) -> None:
    shown = rounded_parts(parts)
    small = [(one, part) for one, part in zip(shown, parts, strict=True) if part < CENT]
    assert all(one == part for one, part in small)
    assert all(
        one % CENT == 0 and abs(one - part) < CENT for one, part in zip(shown, parts, strict=True) if part >= CENT
    )
    assert abs(sum(shown) - -(-sum(parts) // CENT) * CENT) < CENT


@given(st.lists(AMOUNTS, min_size=1, max_size=30))
def test_shares_add_up_to_a_hundred_and_are_taken_before_rounding(parts: list[int]) -> None:
    shares = whole_percents(parts)
    assert sum(shares) == (100 if sum(parts) else 0)
    assert all(
        abs(share * sum(parts) - part * 100) < max(1, sum(parts)) for share, part in zip(shares, parts, strict=True)
    )


def test_four_near_equal_parts_have_near_equal_shares() -> None:
    parts = [2_500_100, 2_500_000, 2_500_000, 2_499_900]
    assert whole_percents(parts) == [25, 25, 25, 25]
    assert [format_usd(part) for part in rounded_parts(parts)] == ["$0.0026", "$0.0025", "$0.0025", "$0.0025"]


@given(st.lists(AMOUNTS, min_size=1, max_size=30))
def test_parts_in_one_column_add_up_to_the_sum_below_them(parts: list[int]) -> None:
    decimals = decimals_for(parts)
    shown = usd_parts(parts, decimals=decimals)
    assert sum(map(read, shown)) == read(usd_rounded(sum(parts), decimals=decimals))
    assert all(
        abs(read(one) * NUSD_PER_USD - part) < NUSD_PER_USD // 10**decimals
        for one, part in zip(shown, parts, strict=True)
    )


def test_a_column_has_cents_or_two_digits_of_its_least_part() -> None:
    assert usd_parts([3 * CENT, 14 * CENT], decimals=decimals_for([3 * CENT, 14 * CENT])) == ["$0.03", "$0.14"]
    assert usd_parts([521_400, 2_073_100], decimals=decimals_for([521_400, 2_073_100])) == ["$0.0005", "$0.0021"]
    assert exact_usd(1_234_500) == "$0.0012345"


def test_the_largest_remainders_go_up() -> None:
    thirds = [NUSD_PER_USD // 3, NUSD_PER_USD // 3, NUSD_PER_USD // 3 + 1]
    assert rounded_parts(thirds) == [33 * CENT, 33 * CENT, 34 * CENT]


@given(st.integers(0, 100_000), st.integers(0, 1_000 * NUSD_PER_USD), AMOUNTS)
def test_nobody_is_promised_more_than_there_is(limit_cents: int, spent_nusd: int, held_nusd: int) -> None:
    limit_nusd = limit_cents * CENT
    left_nusd = max(0, limit_nusd - spent_nusd - held_nusd)
    left = read(format_left(limit_nusd, spent_nusd, held_nusd))
    spent, held = read(format_usd(spent_nusd)), read(format_usd(held_nusd))
    assert left * NUSD_PER_USD <= left_nusd
    assert spent * NUSD_PER_USD >= spent_nusd
    if left_nusd >= CENT and spent_nusd >= CENT and (held_nusd >= CENT or not held_nusd):
        assert left + spent + held == Decimal(limit_cents) / 100
    if left and left_nusd >= CENT:
        assert (
            0
            <= Decimal(limit_cents) / 100 - left - spent - held
            < (Decimal("0.01") if left >= 1 else Decimal("0.0001"))
        )


def test_two_digits_below_a_cent_stay_two_when_rounding_carries() -> None:
    assert [format_usd(nusd) for nusd in (99_500, 9_950_000, 9_900_000, 1, 0)] == [
        "$0.00010",
        "$0.01",
        "$0.0099",
        "$0.0000000010",
        "$0.00",
    ]


def test_what_costs_money_is_rounded_up_and_what_is_left_down() -> None:
    assert [format_usd(nusd) for nusd in (1_230_001, 12_300_000)] == ["$0.0013", "$0.02"]
    assert [format_left(CENT, 8_760_001), format_left(25 * NUSD_PER_USD, 14_000_000)] == ["$0.0012", "$24.98"]


@pytest.mark.parametrize(
    ("limit_cents", "taken_nusd", "expected"),
    [
        (4, (1_800_000,), "$0.0382"),
        (4, (780_001,), "$0.0392"),
        (4, (1_800_000, 10_000_001), "$0.0182"),
        (4, (11_200_000,), "$0.02"),
        (100, (1_800_000,), "$0.9982"),
        (101, (1_800_000,), "$1.00"),
        (250_000, (1_800_000,), "$2,499.99"),
        (4, (0,), "$0.04"),
    ],
)
def test_what_is_left_below_a_dollar_has_the_digits_of_what_is_spent(
    limit_cents: int, taken_nusd: tuple[int, ...], expected: str
) -> None:
    assert format_left(limit_cents * CENT, *taken_nusd) == expected


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


@given(
    st.builds(
        Price,
        st.integers(0, 10**12),
        st.integers(0, 10**12),
        st.none() | st.integers(0, 10**12),
        st.integers(0, 10**9),
        st.lists(
            st.builds(Tier, st.integers(0, 10**7), st.integers(0, 10**12), st.integers(0, 10**12)), max_size=3
        ).map(tuple),
        cache_write_nusd_per_mtok=st.none() | st.integers(0, 10**12),
        cache_write_1h_nusd_per_mtok=st.none() | st.integers(0, 10**12),
        search_nusd=st.integers(0, 10**9),
    )
)
def test_an_old_bill_can_be_computed_from_the_version_of_its_rates(price: Price) -> None:
    assert Price.from_version(price.version) == price


def test_searches_cost_what_they_cost_beside_the_tokens() -> None:
    price = Price(10**9, 2 * 10**9, search_nusd=7)
    assert price.cost_nusd(Usage(100, 10, searches=3)) == 120_021
    assert price.bound_nusd(input_tokens=100, output_tokens=10, searches=3) == 120_021
    assert not Price(0, 0, search_nusd=7).is_free


@pytest.mark.parametrize("version", ["", "1", "1/", "a/1", "1/1;>2", "1/1\n"])
def test_what_tells_no_price_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="tells no price"):
        Price.from_version(version)

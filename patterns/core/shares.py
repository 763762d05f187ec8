"""Parts of a sum as they are shown under it: rounded so that they add up to what the sum shows. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from patterns.core.money import CENT_NUSD, NUSD_PER_USD


def rounded_parts(parts_nusd: Sequence[int]) -> list[int]:
    """Return the parts of a sum as they are shown under it: whole cents that add up to it, by largest remainder.

    Parts below a cent keep their own digits, as every amount below a cent does; the others add up to what the sum
    shows beside them.
    """
    whole = {at: part for at, part in enumerate(parts_nusd) if part >= CENT_NUSD}
    total_cents = -(-sum(parts_nusd) // CENT_NUSD)
    below_nusd = sum(parts_nusd) - sum(whole.values())
    cents = (total_cents * CENT_NUSD - below_nusd + CENT_NUSD // 2) // CENT_NUSD
    shown = list(parts_nusd)
    for at, part in zip(whole, _apportioned(list(whole.values()), CENT_NUSD, cents), strict=True):
        shown[at] = part * CENT_NUSD
    return shown


def decimals_for(parts_nusd: Sequence[int]) -> int:
    """Return the decimals with which every part and their sum say something.

    Cents are enough where every part has them. Otherwise the least part has a digit, and a sum below a cent two.
    """
    least, total = min((part for part in parts_nusd if part > 0), default=CENT_NUSD), sum(parts_nusd)
    if least >= CENT_NUSD:
        return 2
    digits = [-(Decimal(least) / NUSD_PER_USD).adjusted()]
    digits += [1 - (Decimal(total) / NUSD_PER_USD).adjusted()] if total < CENT_NUSD else []
    return min(9, max(2, *digits))


def usd_parts(parts_nusd: Sequence[int], *, decimals: int, total_nusd: int | None = None) -> list[str]:
    """Return the parts of a sum with so many decimals: they add up to the sum as `usd_rounded` shows it.

    `total_nusd` is the sum as it stands beside them, where that was rounded as a part of a larger one.
    """
    unit = NUSD_PER_USD // 10**decimals
    total = sum(parts_nusd) if total_nusd is None else total_nusd
    return [_fixed(units, decimals) for units in _apportioned(list(parts_nusd), unit, -(-total // unit))]


def usd_rounded(nusd: int, *, decimals: int) -> str:
    """Return an amount with so many decimals, rounded up."""
    return _fixed(-(-nusd // (NUSD_PER_USD // 10**decimals)), decimals)


def _fixed(units: int, decimals: int) -> str:
    return f"${Decimal(units).scaleb(-decimals):,.{decimals}f}"


def whole_percents(parts: Sequence[int]) -> list[int]:
    """Return the shares of exact parts in whole per cent, by largest remainder: they add up to 100, or are all 0."""
    total = sum(parts)
    return _apportioned([part * 100 for part in parts], total, 100) if total else [0] * len(parts)


def _apportioned(parts: Sequence[int], unit: int, total: int) -> list[int]:
    """Return the whole units of each part out of `total`; the largest remainders go up, none by more than one."""
    counts = [part // unit for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda at: -(parts[at] % unit))
    for at in by_remainder[: max(0, total - sum(counts))]:
        counts[at] += parts[at] % unit > 0
    return counts

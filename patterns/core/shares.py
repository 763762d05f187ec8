"""Parts of a sum as they are shown under it: rounded so that they add up to what the sum shows. Pure."""

from collections.abc import Sequence

from patterns.core.money import CENT_NUSD


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

"""Small bar charts in text: a home tab shows pictures only from public addresses, and what is spent is nobody else's.

Pure. A bar comes first in its line, so that bars begin below each other in any font.
"""

from collections.abc import Sequence

from patterns.core.money import format_usd
from patterns.core.shares import rounded_parts

CELLS = 12
FULL, EMPTY = "█", "░"
WEEK_DAYS = 7


def bar(part: int, whole: int, *, cells: int = CELLS) -> str:
    """Return a bar of that share; what is not nothing shows, and what is not all leaves a cell empty."""
    if whole <= 0 or part <= 0:
        return (FULL if part > 0 else EMPTY) * cells
    filled = min(cells, max(1, part * cells // whole))
    return FULL * filled + EMPTY * (cells - filled)


def week_bars(days: Sequence[int], month: str) -> list[str]:
    """Return a line for each week of a month so far, its bar as a share of the dearest week's.

    `days` are nano-dollars for each day from the first on; the amounts add up to the sum of them as it is shown.
    """
    weeks = [days[at : at + WEEK_DAYS] for at in range(0, len(days), WEEK_DAYS)]
    sums = [sum(week) for week in weeks]
    most = max(sums, default=0)
    lines = []
    for at, (week, rounded) in enumerate(zip(weeks, rounded_parts(sums), strict=True)):
        first = at * WEEK_DAYS + 1
        last = first + len(week) - 1
        span = f"{first}" if first == last else f"{first}–{last}"  # noqa: RUF001 - a range of days is written so
        lines.append(f"{bar(sums[at], most)}  {span} {month}: {format_usd(rounded)}")
    return lines

"""Statistics of a month as a view, with usual and with hostile names."""

from bot.messages.stats_views import KINDS, RunStats, Spread, StatsRow, StatsView

CENT = 10_000_000


def stats_view(names: tuple[str, ...] = ("answer", "decide"), place: str = "#platform") -> StatsView:
    """Return a month in which each of these was used ten times, each dearer than the one before."""
    rows = [
        StatsRow(
            kind, name, 10, 8, 1, 1, 0, 0, Spread.of([at * CENT] * 9 + [2 * at * CENT]), Spread.of([4.0, 6.5, 31.0]),
            Spread.of([3600.0]), 1.5, 0, 8, 2, 0.9, 6.0, 3.0, 0.1, 0.2,
        )
        for kind in KINDS
        for at, name in enumerate(names, start=1)
    ]  # fmt: skip
    return StatsView(place, RunStats("2026-11", tuple(rows), 20))

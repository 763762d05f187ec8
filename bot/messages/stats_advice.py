"""What the figures of a month suggest, in sentences, where enough runs stand behind them. Pure."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from bot.messages.stats_views import RunStats, StatsRow
from patterns.core.money import format_usd

RUNS_FEWEST = 5
"""Fewer runs, or ratings, say nothing."""
DEARER = 2.0
SAME_PCT = 10
UNEVEN = 1.0
OVERHEAD = 0.4
FAILING = 0.2
ADVICE_MOST = 6


def advice(stats: RunStats) -> tuple[str, ...]:
    """Return what stands out, the comparison of flows first; a sentence when there is too little to say anything."""
    flows = [row for row in stats.of("flow") if row.answered >= RUNS_FEWEST]
    found = [*_dearer(flows), *(sentence for row in flows for sentence in _of_flow(row)), *_failing(stats.of("model"))]
    if not found and not flows:
        return (f"No flow was answered often enough in this month for a suggestion ({RUNS_FEWEST} times each).",)
    return tuple(found[:ADVICE_MOST])


def _dearer(flows: Sequence[StatsRow]) -> Iterator[str]:
    """Yield pairs of flows where one costs much more and people like both alike, or like the cheap one better."""
    for one, other in combinations(sorted(flows, key=lambda row: row.cost.mean), 2):
        if not one.cost.mean or other.cost.mean / one.cost.mean < DEARER:
            continue
        times = f"`{other.name}` costs {_times(other.cost.mean / one.cost.mean)} times as much as `{one.name}`"
        if min(one.ratings, other.ratings) < RUNS_FEWEST:
            continue
        cheap, dear = _helped_pct(one), _helped_pct(other)
        figures = f"{dear} % of {other.ratings} and {cheap} % of {one.ratings} people say it helped"
        if abs(cheap - dear) <= SAME_PCT:
            yield f"{times} and gets the same feedback: {figures}."
        elif dear < cheap:
            yield f"{times} and gets worse feedback: {figures}."
        else:
            yield f"{times} and gets better feedback: {figures}."


def _of_flow(row: StatsRow) -> Iterator[str]:
    if row.cost.relative >= UNEVEN:
        half, most = format_usd(round(row.cost.p50)), format_usd(round(row.cost.p95))
        yield f"The cost of `{row.name}` varies a lot: half of its runs cost at most {half}, 19 of 20 at most {most}."
    if row.review_share >= OVERHEAD:
        yield f"{row.review_share:.0%} of what `{row.name}` costs is review."
    if row.routing_share >= OVERHEAD:
        yield f"{row.routing_share:.0%} of what `{row.name}` costs is choosing the flow; `use {row.name}:` spares it."
    if 0 < row.estimate_ratio < 1 / DEARER:
        yield f"`{row.name}` costs {_times(1 / row.estimate_ratio)} times what its estimates say."


def _failing(models: Sequence[StatsRow]) -> Iterator[str]:
    for row in models:
        steps = row.answered + row.partial + row.failed
        if steps >= RUNS_FEWEST and row.failed / steps >= FAILING:
            yield f"{row.failed / steps:.0%} of the steps of {row.name} failed."


def _helped_pct(row: StatsRow) -> int:
    return round(100 * row.helped / row.ratings)


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 3 else f"{ratio:.1f}"  # noqa: PLR2004 - a tenth matters below

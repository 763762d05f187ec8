"""The columns of statistics: what each shows, what it is called, and what that means in one line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.messages.stats_views import Kind, StatsRow
from bot.messages.story_text import long_time
from patterns.core.money import format_usd

OF_REQUESTS: frozenset[Kind] = frozenset({"pattern", "flow"})
"""Kinds whose rows count requests; the others count steps, or calls of tools."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, the cell of a row, what it means, and whether it is of requests or of their steps alone."""

    title: str
    cell: Callable[[StatsRow], str]
    meaning: str
    of: str = ""


def _usd(nusd: float) -> str:
    return format_usd(round(nusd))


def _share(part: float) -> str:
    return f"{part:.0%}" if part else "0%"


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value else "-"


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"  # noqa: PLR2004 - tenths of a long time say nothing


def _spread(row: StatsRow) -> str:
    return f"{row.cost.relative:.2f}" if row.cost.count > 1 else "n=1"


def _variance(row: StatsRow) -> str:
    return _seconds(row.time.variance) if row.time.count > 1 else "n=1"


REQUESTS, STEPS = "requests", "steps"
WIDE: tuple[Column, ...] = (
    Column("requests", lambda row: f"{row.runs:,}", "requests that are over, and of steps in how many they were taken"),
    Column("dry runs", lambda row: f"{row.dry:,}", "requests among these whose agents acted on nothing"),
    Column(
        "steps",
        lambda row: f"{row.cost.count:,}",
        "what this table counts; of tools, calls",
        STEPS,
    ),
    Column("answered", lambda row: f"{row.answered:,}", "in full"),
    Column("partial", lambda row: f"{row.partial:,}", "cut short by money, time, a limit or a length"),
    Column("refused", lambda row: f"{row.refused:,}", "nothing was done for it, for want of money or time", REQUESTS),
    Column("stopped", lambda row: f"{row.stopped:,}", "a person stopped it or declined its price"),
    Column("failed", lambda row: f"{row.failed:,}", "no answer came, though it was tried"),
    Column("paid mean", lambda row: _usd(row.cost.mean), "paid on average"),
    Column("paid p50", lambda row: _usd(row.cost.p50), "half of them cost at most this"),
    Column("paid p95", lambda row: _usd(row.cost.p95), "19 of 20 cost at most this"),
    Column("spread", _spread, "how uneven the cost is: standard deviation over mean; n=1 is one only"),
    Column("about/paid", lambda row: _ratio(row.estimate_ratio), "what was told as usual over what was paid", REQUESTS),
    Column("at most/paid", lambda row: _ratio(row.bound_ratio), "what was told as the most over that", REQUESTS),
    Column("held/paid", lambda row: _ratio(row.held_ratio), "what was held over what was paid", STEPS),
    Column("s p50", lambda row: _seconds(row.time.p50), "seconds of work that half of them took at most"),
    Column("s p95", lambda row: _seconds(row.time.p95), "seconds of work that 19 of 20 took at most"),
    Column("s variance", _variance, "variance of the seconds of work, in seconds squared; n=1 is one only"),
    Column(
        "waited p50",
        lambda row: str(long_time(row.waited.p50)) if row.waited.count else "-",
        "waiting for people, where there was any: half waited at most this",
        REQUESTS,
    ),
    Column("rounds", lambda row: _ratio(row.rounds), "rounds of review on average, of those reviewed", REQUESTS),
    Column("tool calls", lambda row: f"{row.tool_calls:,}", "calls of tools in all"),
    Column("routing", lambda row: _share(row.routing_share), "part of what was paid that went to choosing", REQUESTS),
    Column("review", lambda row: _share(row.review_share), "part of what was paid that went to reviewers", REQUESTS),
    Column("👍", lambda row: f"{row.helped:,}", "people who said that the answer helped"),
    Column("👎", lambda row: f"{row.did_not:,}", "people who said that it did not"),
)


def wide(kind: Kind) -> tuple[Column, ...]:
    """Return every column of a kind of rows."""
    return tuple(column for column in WIDE if not column.of or (column.of == REQUESTS) == (kind in OF_REQUESTS))


_LEAST_FIRST = (
    *("s variance", "held/paid", "at most/paid", "about/paid", "routing", "review", "rounds", "dry runs", "tool calls"),
    *("waited p50", "paid p50", "spread", "s p95", "stopped", "refused", "partial", "👎", "👍", "failed", "paid p95"),
)
"""Titles in the order in which a narrow terminal goes without them."""


def narrower(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return columns without the one that says least; the same when each of them is needed."""
    titles = {column.title for column in columns}
    least = next((title for title in _LEAST_FIRST if title in titles), "")
    return tuple(column for column in columns if column.title != least)


NARROW: tuple[Column, ...] = (
    Column("n", lambda row: f"{row.cost.count:,}", ""),
    Column("ok", lambda row: f"{row.answered:,}", ""),
    Column("paid", lambda row: _usd(row.cost.mean), ""),
    Column("p95", lambda row: _usd(row.cost.p95), ""),
    Column("spread", _spread, ""),
    Column("s", lambda row: _seconds(row.time.p50), ""),
    Column("p95", lambda row: _seconds(row.time.p95), ""),
    Column("👍", lambda row: f"{row.helped:,}", ""),
    Column("👎", lambda row: f"{row.did_not:,}", ""),
)
"""The columns for which a message has room; `legend` in `stats_text` explains them."""

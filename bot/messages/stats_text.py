"""Statistics of runs as tables in a monospaced font, and what they suggest."""

from collections.abc import Callable, Sequence

from bot.messages.code_text import code
from bot.messages.month_report import month_name
from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn
from bot.messages.run_text import count, short
from bot.messages.stats_advice import advice
from bot.messages.stats_views import KINDS, Kind, StatsRow, StatsView
from bot.messages.story_text import long_time
from patterns.core.money import format_usd

ROWS_MAX = 12
NAME_MAX = 22
TITLES: dict[Kind, str] = {
    "pattern": "Patterns",
    "flow": "Flows",
    "agent": "Agents, per step",
    "model": "Models, per step",
    "tool": "Tools, per call",
}
Column = tuple[str, Callable[[StatsRow], str]]


def _usd(nusd: float) -> str:
    return format_usd(round(nusd))


def _share(part: float) -> str:
    return f"{part:.0%}" if part else ""


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value else ""


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"  # noqa: PLR2004 - tenths of a long time say nothing


NARROW: tuple[Column, ...] = (
    ("runs", lambda row: f"{row.runs:,}"),
    ("ok", lambda row: f"{row.answered:,}"),
    ("cost", lambda row: _usd(row.cost.mean)),
    ("p95", lambda row: _usd(row.cost.p95)),
    ("±/mean", lambda row: f"{row.cost.relative:.2f}"),
    ("s", lambda row: _seconds(row.time.p50)),
    ("p95", lambda row: _seconds(row.time.p95)),
    ("👍", lambda row: f"{row.helped:,}"),
    ("👎", lambda row: f"{row.did_not:,}"),
)
WIDE: tuple[Column, ...] = (
    ("runs", lambda row: f"{row.runs:,}"),
    ("answered", lambda row: f"{row.answered:,}"),
    ("partial", lambda row: f"{row.partial:,}"),
    ("refused", lambda row: f"{row.refused:,}"),
    ("failed", lambda row: f"{row.failed:,}"),
    ("cost mean", lambda row: _usd(row.cost.mean)),
    ("p50", lambda row: _usd(row.cost.p50)),
    ("p95", lambda row: _usd(row.cost.p95)),
    ("spread/mean", lambda row: f"{row.cost.relative:.2f}"),
    ("estimate/cost", lambda row: _ratio(row.estimate_ratio)),
    ("bound/cost", lambda row: _ratio(row.bound_ratio)),
    ("seconds p50", lambda row: _seconds(row.time.p50)),
    ("p95", lambda row: _seconds(row.time.p95)),
    ("variance", lambda row: _seconds(row.time.variance)),
    ("waited p50", lambda row: str(long_time(row.waited.p50)) if row.waited.count else ""),
    ("rounds", lambda row: _ratio(row.rounds)),
    ("tool calls", lambda row: f"{row.tool_calls:,}" if row.tool_calls else ""),
    ("routing", lambda row: _share(row.routing_share)),
    ("review", lambda row: _share(row.review_share)),
    ("👍", lambda row: f"{row.helped:,}"),
    ("👎", lambda row: f"{row.did_not:,}"),
)


def head(view: StatsView) -> Mrkdwn:
    """Return what the figures are of."""
    said = mrkdwn(
        "*{place}, {month}*: {runs}",
        place=short(view.place, 80),
        month=month_name(view.stats.period),
        runs=count(view.stats.runs, "request"),
    )
    older = (
        mrkdwn("the latest of {all}", all=f"{view.stats.runs + view.stats.left_out:,}")
        if view.stats.left_out
        else Mrkdwn()
    )
    return join(", ", [said, older, Mrkdwn("play money") if view.play_money else Mrkdwn()])


def suggestions(view: StatsView) -> Mrkdwn:
    """Return what stands out, a line each; names in it are those of the roster."""
    return join("\n", [mrkdwn("• {said}", said=short(sentence, 400)) for sentence in advice(view.stats)])


def legend() -> Mrkdwn:
    """Return what the columns mean."""
    return Mrkdwn(
        "ok: answered in full. cost, p95: of a run, of a step of an agent or model, or of a call of a tool; 19 of 20 "
        "cost at most p95. "
        "±/mean: how far costs lie from their mean, 0 is always the same. s: seconds of work at the median, "
        "without waiting for people. `agents stats` in a shell has every column, and CSV."
    )


def table(view: StatsView, kind: Kind) -> Mrkdwn:
    """Return the rows of one kind as a block of code, with a title; empty without any."""
    rows = view.stats.of(kind)
    if not rows:
        return Mrkdwn()
    more = len(rows) - ROWS_MAX
    left_out = [mrkdwn("… and {more}", more=count(more, kind))] if more > 0 else []
    block = code("\n".join(lines(rows[:ROWS_MAX], NARROW)))
    return join("\n", [mrkdwn("*{title}*", title=TITLES[kind]), block, *left_out])


def lines(rows: Sequence[StatsRow], columns: Sequence[Column], *, name_max: int = NAME_MAX) -> list[str]:
    """Return a table as lines: names to the left, figures to the right; a longer name ends with a sign for it."""
    cells = [["", *(title for title, _ in columns)]]
    cells += [[_cut(row.name, name_max), *(value(row) for _, value in columns)] for row in rows]
    widths = [max(_width(line[at]) for line in cells) for at in range(len(cells[0]))]
    return ["  ".join([_left(line[0], widths[0]), *map(_right, line[1:], widths[1:])]).rstrip() for line in cells]


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _left(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _right(cell: str, width: int) -> str:
    return " " * (width - _width(cell)) + cell


def _width(text: str) -> int:
    """Return the columns that a text takes: the signs of ratings take two."""
    return len(text) + sum(sign in "👍👎" for sign in text)


def kinds() -> tuple[Kind, ...]:
    """Return the kinds of rows in the order in which they are shown."""
    return KINDS

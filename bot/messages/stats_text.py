"""Statistics of runs as tables in a monospaced font, and what they suggest."""

from collections.abc import Collection, Sequence

from bot.messages.code_text import code
from bot.messages.month_report import month_name
from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn
from bot.messages.run_text import count, short
from bot.messages.stats_advice import advice
from bot.messages.stats_columns import NARROW, WIDE, Column, narrower, wide
from bot.messages.stats_views import KINDS, Kind, StatsRow, StatsView

ROWS_MAX = 12
NAME_MAX = 22
TITLES: dict[Kind, str] = {
    "pattern": "Patterns, by request",
    "flow": "Flows, by request",
    "agent": "Agents, by step",
    "model": "Models, by step",
    "tool": "Tools, by call",
}


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
    dry = mrkdwn("{dry} of them dry", dry=f"{view.stats.dry:,}") if view.stats.dry else Mrkdwn()
    return join(", ", [said, older, dry, Mrkdwn("play money") if view.play_money else Mrkdwn()])


def suggestions(view: StatsView) -> Mrkdwn:
    """Return what stands out, a line each; names in it are those of the roster."""
    return join("\n", [mrkdwn("• {said}", said=short(sentence, 400)) for sentence in advice(view.stats)])


def legend() -> Mrkdwn:
    """Return what the columns mean."""
    return Mrkdwn(
        "n: requests, or steps of an agent or model, or calls of a tool. ok: of these, answered in full. paid: on "
        "average; 19 of 20 cost at most p95. spread: how uneven the cost is, 0 is always the same; n=1 has none. "
        "s: seconds of work at the median and for 19 of 20, without waiting for people. `agents stats` in a shell has "
        "every column with its meaning, and CSV."
    )


def meanings(columns: Collection[Column]) -> list[str]:
    """Return what each of these columns means, a line each."""
    width = max((_width(column.title) for column in columns), default=0)
    return [f"{_left(column.title, width)}  {column.meaning}" for column in WIDE if column in columns]


def fitting(rows: Sequence[StatsRow], kind: Kind, *, width: int | None, name_max: int) -> tuple[Column, ...]:
    """Return the columns of a kind of rows that fit into so many characters a line; every one without a width."""
    columns = wide(kind)
    while width is not None and any(_width(line) > width for line in lines(rows, columns, name_max=name_max)):
        fewer = narrower(columns)
        if fewer == columns:
            break
        columns = fewer
    return columns


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
    cells = [["", *(column.title for column in columns)]]
    cells += [[_cut(row.name, name_max), *(column.cell(row) for column in columns)] for row in rows]
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

"""What an answer was made from: its numbered sources, the line about them, and every call of a tool. All `Mrkdwn`.

Titles, links and arguments come from tools: they are escaped, and a link reads as where it leads.
"""

from collections.abc import Sequence

from bot.messages.mrkdwn import Mrkdwn, clip, join, link, mrkdwn
from bot.messages.run_text import count, duration, short, usd
from bot.messages.views import ToolCallLine
from patterns.core.tools import Source

SOURCES_SHOWN = 8
SOURCES_MAX = 1_500
CALLS_SHOWN = 20
CALLS_MAX = 2_000
_ENDED = {
    "failed": "failed",
    "not made": "not made",
    "said done": "no answer came, and a person said that it was done",
    "dry run": "not called: dry run",
    "unknown": "nobody knows whether it was done",
}


def looked_up(sources: Sequence[Source], *, had_tools: bool) -> Mrkdwn:
    """Return how many sources an answer has, or that it has none; nothing where no agent could look anything up."""
    if not had_tools:
        return Mrkdwn()
    return mrkdwn("Looked up {sources}", sources=count(len(sources), "source")) if sources else _NONE


_NONE = Mrkdwn("No sources looked up")


def numbered(sources: Sequence[Source]) -> Mrkdwn:
    """Return the sources under an answer, one per line; Details has the calls behind them."""
    lines = [_source(number, one) for number, one in enumerate(sources[:SOURCES_SHOWN], start=1)]
    if len(sources) > SOURCES_SHOWN:
        lines.append(mrkdwn("… and {more}: see Details", more=count(len(sources) - SOURCES_SHOWN, "more source")))
    return Mrkdwn(clip(join("\n", lines), SOURCES_MAX))


def _source(number: int, source: Source) -> Mrkdwn:
    title = Mrkdwn() if source.title == source.url else short(source.title, 100)
    where = link(source.url) if source.url else Mrkdwn()
    return mrkdwn("{number}. {text}", number=str(number), text=join(" · ", [title, where]))


def calls(lines: Sequence[ToolCallLine]) -> Mrkdwn:
    """Return every call of a tool: who made it with what, how long it took, what came and what it cost."""
    shown = [_call(line) for line in lines[:CALLS_SHOWN]]
    if len(lines) > CALLS_SHOWN:
        shown.append(mrkdwn("… and {more}", more=count(len(lines) - CALLS_SHOWN, "more call")))
    return Mrkdwn(clip(join("\n", shown), CALLS_MAX))


def _call(line: ToolCallLine) -> Mrkdwn:
    terms = [
        mrkdwn("{agent}: `{tool}`", agent=short(line.agent, 60), tool=short(line.tool, 100)),
        short(line.arguments, 120),
        duration(line.elapsed_s) if line.elapsed_s else Mrkdwn(),
        count(line.bytes_read, "byte") if line.bytes_read else Mrkdwn(),
        usd(line.cost_nusd) if line.cost_nusd else Mrkdwn(),
        mrkdwn("approved by {name}", name=short(line.approved_by, 60)) if line.approved_by else Mrkdwn(),
        Mrkdwn(_ENDED.get(line.ended, "")),
    ]
    return join(" · ", terms)

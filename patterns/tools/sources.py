"""What a run looked up, as its journal tells it: every call of a tool, and the sources that were really read."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from patterns.core.context import TaskContext
from patterns.core.step_record import SEARCHES, StepRecord
from patterns.core.tools import Source
from patterns.roster.tool_schema import BUILT_IN
from patterns.tools.links import links_in, mark_strange_links
from patterns.tools.web import queries_path

_CALL = re.compile(r"(?P<turn>.+/turn/\d+)/call/(?P<number>\d+)")
TITLE_CHARS = 120
WEB_SEARCH = "web search"
"""What the searches are called that a provider made inside a model's own call."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool. `arguments` is the JSON text of the model; `was_made` is false where it was never sent.

    `acts` where it can change something outside, `approved_by` the member who approved it, `uncertain_nusd` what
    counts although nobody knows whether it was done, `would_cost_nusd` what a call costs that a dry run left out.
    `said` is what a person said of a call that was lost: `done`, or `unknown` where nobody did. Text and arguments are
    untrusted.
    """

    path: str
    agent: str
    tool: str
    arguments: str
    text: str
    was_made: bool
    is_error: bool
    acts: bool
    approved_by: str
    bytes_read: int
    elapsed_ms: int
    cost_nusd: int
    uncertain_nusd: int
    sources: tuple[Source, ...]
    would_cost_nusd: int | None = None
    said: str = ""


def tool_uses(steps: Sequence[StepRecord]) -> tuple[ToolUse, ...]:
    """Return the calls of tools in a journal, in its order; texts that were deleted are empty.

    Calls of one turn are made side by side: they come in the order in which the model asked for them.
    """
    turns = {step.path: step for step in steps}
    found = [(step, at["turn"], int(at["number"])) for step in steps if (at := _CALL.fullmatch(step.path))]
    begun = {turn: place for place, turn in enumerate(dict.fromkeys(turn for _, turn, _ in found))}
    found.sort(key=lambda one: (begun[one[1]], one[2]))
    called = [_use(step, turns.get(turn), number) for step, turn, number in found]
    searched = [_search(step, turns.get(queries_path(step.path))) for step in steps if _has_searched(step)]
    return (*called, *searched)


def sources_of(steps: Sequence[StepRecord]) -> tuple[Source, ...]:
    """Return what a run has read, each source once, in the order it was found: numbered from one they are its sources.

    A lookup whose tool names no source is one itself; built-in tools, errors and what acts are none.
    """
    found: dict[str, Source] = {}
    for use in tool_uses(steps):
        is_search = use.tool.startswith(WEB_SEARCH)  # where it found nothing, there is no source
        if not use.was_made or use.is_error or use.acts or (_is_our_own(use.tool) and not is_search):
            continue
        for source in use.sources or (() if is_search else _read_in(use)):
            found.setdefault(source.url or source.title, source)
    return tuple(found.values())


def offered_tools(steps: Sequence[StepRecord]) -> bool:
    """Return whether a run had tools at all: then an answer without sources says so."""
    return any(step.path.endswith("/tools") and step.data.get("tools") for step in steps)


def texts_read(steps: Sequence[StepRecord]) -> tuple[str, ...]:
    """Return the results of the tools of a run, and the addresses it has read: an answer's links may stand there."""
    uses = tool_uses(steps)
    sources = (one.url for use in uses for one in use.sources if one.url)
    return (*(use.text for use in uses if use.was_made), *sources, *(url for step in steps for url in _read(step)))


def _read(step: StepRecord) -> Iterable[str]:
    """Return the pages that a search of the web found and that no answer cites."""
    return (str(url) for url in step.data.get("read", ()))


def with_known_links(text: str, ctx: TaskContext, steps: Sequence[StepRecord]) -> str:
    """Return an answer of a run with tools in which every link stands in what it was given or has read.

    All others are text with a mark.
    """
    if not text or not offered_tools(steps):
        return text
    given = (ctx.request, *(turn.text for turn in ctx.history), *(item.text for item in ctx.artifacts))
    return mark_strange_links(text, (*given, *texts_read(steps)))


def _is_our_own(tool: str) -> bool:
    server, _, name = tool.partition(".")
    return not name or server in BUILT_IN


def _use(step: StepRecord, turn: StepRecord | None, number: int) -> ToolUse:
    data = step.data
    return ToolUse(
        path=step.path,
        agent=step.agent,
        tool=str(data.get("tool", step.model.partition(":")[2])),
        arguments=_arguments(turn, number),
        text=step.text,
        was_made="bytes" in data or bool(data.get("uncertain_nusd")) or data.get("said") == "done",
        is_error=bool(data.get("is_error")),
        acts=not data.get("read_only", True),
        approved_by=str(data.get("by", "")),
        bytes_read=int(data.get("bytes", 0)),
        elapsed_ms=step.elapsed_ms,
        cost_nusd=step.cost_nusd,
        uncertain_nusd=int(data.get("uncertain_nusd", 0)),
        sources=tuple(Source(title=str(title), url=str(url)) for title, url in data.get("sources", ())),
        would_cost_nusd=data.get("would_cost_nusd"),
        said=str(data.get("said", "")),
    )


def _has_searched(step: StepRecord) -> bool:
    """Return whether the provider searched inside the step's own call; beside other tools it is a call of its own."""
    return bool(step.data.get(SEARCHES)) and not _CALL.fullmatch(step.path)


def _search(step: StepRecord, asked: StepRecord | None) -> ToolUse:
    """Return the searches that a provider made inside a step's own call as one use of a tool."""
    data = step.data
    sources = tuple(Source(title=str(title), url=str(url)) for title, url in data.get("sources", ()))
    return ToolUse(
        path=step.path,
        agent=step.agent,
        tool=f"{WEB_SEARCH} ({data[SEARCHES]})" if data[SEARCHES] > 1 else WEB_SEARCH,
        arguments=asked.text if asked is not None else "",
        text="",
        was_made=True,
        is_error=bool(data.get("search_errors")) and not sources,
        acts=False,
        approved_by="",
        bytes_read=0,
        elapsed_ms=0,
        cost_nusd=int(data.get("search_nusd", 0)),
        uncertain_nusd=0,
        sources=sources,
    )


def _arguments(turn: StepRecord | None, number: int) -> str:
    try:
        calls = json.loads(turn.text)["calls"] if turn is not None and turn.text else []
        return str(calls[number - 1][2])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _read_in(use: ToolUse) -> Iterable[Source]:
    """Return the links in a result as sources; without any, the lookup itself is one."""
    links = [Source(title=link, url=link) for link in links_in(use.text)]
    return links or [Source(title=f"{use.tool} {_short(use.arguments)}".strip())]


def _short(arguments: str) -> str:
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        return ""
    shown = ", ".join(f"{key}: {one}" for key, one in value.items()) if isinstance(value, Mapping) else ""
    return shown if len(shown) <= TITLE_CHARS else f"{shown[:TITLE_CHARS]}…"

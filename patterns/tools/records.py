"""The journal record of a call: what a resumed step reads, and what the answer's sources are told from."""

from typing import Any

from patterns.core.step_record import UNSTORED, StepRecord
from patterns.core.tools import TOOL_MODEL, ToolOutput
from patterns.tools.judging import Judged
from patterns.tools.outcomes import SAID
from patterns.tools.search import FOUND

SOURCES_MAX = 50
TOOL_CHARS = 105


def call_record(  # noqa: PLR0913 - what a record is made of, by keyword
    agent: str,
    path: str,
    one: Judged,
    text: str,
    *,
    is_error: bool,
    output: ToolOutput | None = None,
    by: str = "",
) -> StepRecord:
    """Return the record of a call as a decision, at no cost; `by` approved it."""
    data: dict[str, Any] = {"tool": one.call.name[:TOOL_CHARS], "is_error": is_error, "by": by}
    if output is None:
        data |= SAID.get(text, {})
    else:
        data["bytes"] = output.bytes_read
        if output.kept is not None:
            text, data[UNSTORED] = output.kept, True
        if output.found:
            data[FOUND] = [[one.name, one.description, dict(one.parameters)] for one in output.found]
        data["sources"] = [[source.title, source.url] for source in output.sources[:SOURCES_MAX]]
    if one.tool is not None:
        data["read_only"] = one.tool.spec.read_only
    return StepRecord(
        path=path,
        input_hash=one.key,
        outcome="decision",
        agent=agent,
        model=f"{TOOL_MODEL}{one.tool.spec.name}" if one.tool else "",
        text=text,
        data=data,
    )

"""What a server answered as text for a model, with the sources it names. All of it is untrusted."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from patterns.core.tools import Source, ToolOutput

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock


def output_of(result: "CallToolResult", masked: Callable[[str], str] = str) -> ToolOutput:
    """Return a result: its texts, links to what it names, and a word for what cannot be shown.

    `masked` takes out what nobody may read.
    """
    shown = [_shown(block) for block in result.content]
    text = "\n\n".join(part for part in shown if part)
    if not text and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    text = masked(text)
    named = (source for block in result.content for source in _sources(block))
    sources = tuple(Source(title=masked(one.title), url=masked(one.url)) for one in named)
    return ToolOutput(
        text or "(no content)",
        is_error=bool(result.is_error),
        sources=sources,
        bytes_read=len(text.encode("utf-8", "replace")),
    )


def _shown(block: "ContentBlock") -> str:
    if block.type == "text":
        return block.text
    if block.type == "resource_link":
        about = f" ({block.description})" if block.description else ""
        return f"{block.title or block.name}: {block.uri}{about}"
    if block.type == "resource":
        inside = block.resource
        text = getattr(inside, "text", None)
        return f"{inside.uri}: (not a text, so not shown)" if text is None else f"{inside.uri}:\n{text}"
    return f"({block.mime_type}, not shown)"


def _sources(block: "ContentBlock") -> Iterator[Source]:
    if block.type == "resource_link":
        yield Source(title=block.title or block.name, url=str(block.uri))
    elif block.type == "resource":
        yield Source(title=str(block.resource.uri), url=str(block.resource.uri))

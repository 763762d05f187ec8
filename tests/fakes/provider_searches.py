"""Web searches in the words of three providers: what a request allows, and what a reply says was searched and cited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.provider import Call, Reply

Pages = Sequence[tuple[str, str]]


def allowed(body: Mapping[str, Any]) -> int:
    """How many searches a request allows; Gemini takes no bound, so there it is one."""
    for tool in body.get("tools", ()):
        if tool.get("type") == "web_search":
            return int(body["max_tool_calls"])
        if str(tool.get("type")).startswith("web_search_"):
            return int(tool["max_uses"])
        if "google_search" in tool:
            return 1
    return 0


def messages_of(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The messages of a request to `/responses`."""
    said = [(item["role"], item["content"]) for item in body["input"]]
    return [("system", body.get("instructions", "")), *said]


def responses(call: Call, reply: Reply, finish: str, counted: Mapping[str, Any]) -> dict[str, Any]:
    """A whole reply of OpenAI's `/responses`."""
    searches = [
        {
            "id": f"ws_{number}",
            "type": "web_search_call",
            "status": "completed",
            "action": {
                "type": "search",
                "query": query,
                "sources": [{"type": "url", "url": url} for _, url in reply.pages],
            },
        }
        for number, query in enumerate(reply.searches, 1)
    ]
    notes = [{"type": "url_citation", "title": title, "url": url} for title, url in reply.pages]
    content = [{"type": "output_text", "text": reply.text, "annotations": notes if reply.searches else []}]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": content}
    is_cut = finish == "length"
    usage = {
        "usage": {
            "input_tokens": counted["prompt_tokens"],
            "output_tokens": counted["completion_tokens"],
            "total_tokens": counted["total_tokens"],
        }
    }
    return {
        "id": "resp_1",
        "object": "response",
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "error": None,
        "model": call.model,
        "output": [*searches, message],
        **(usage if counted else {}),
    }


def responses_events(whole: Mapping[str, Any], pieces: Sequence[str]) -> list[dict[str, Any]]:
    """The same as events."""
    begun = {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}}
    searching = [{"type": "response.web_search_call.searching"} for item in whole["output"][:-1] if item]
    deltas = [{"type": "response.output_text.delta", "delta": piece} for piece in pieces]
    return [begun, *searching, *deltas, {"type": f"response.{whole['status']}", "response": whole}]


def anthropic_blocks(reply: Reply) -> list[dict[str, Any]]:
    """The searches that stand before an answer of Anthropic's, each with what it found."""
    found = [{"type": "web_search_result", "title": title, "url": url} for title, url in reply.pages]
    blocks: list[dict[str, Any]] = []
    for number, query in enumerate(reply.searches, 1):
        made = f"srvtoolu_{number}"
        blocks += [
            {"type": "server_tool_use", "id": made, "name": "web_search", "input": {"query": query}},
            {"type": "web_search_tool_result", "tool_use_id": made, "content": found},
        ]
    return blocks


def anthropic_citations(reply: Reply) -> list[dict[str, Any]]:
    """What an answer of Anthropic's cites."""
    pages = reply.pages if reply.searches else ()
    return [{"type": "web_search_result_location", "title": title, "url": url} for title, url in pages]


def grounding(reply: Reply) -> dict[str, Any]:
    """What an answer of Gemini's is grounded in, as a candidate tells it; nothing where it did not search."""
    if not reply.searches:
        return {}
    chunks = [{"web": {"uri": url, "title": title}} for title, url in reply.pages]
    supports = [{"groundingChunkIndices": list(range(len(chunks)))}]
    told = {"webSearchQueries": list(reply.searches), "groundingChunks": chunks, "groundingSupports": supports}
    return {"groundingMetadata": told}

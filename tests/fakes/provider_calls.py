"""Tools in the words of three providers: what was offered and answered in a request, and calls in a reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tests.fakes import provider_searches as web

if TYPE_CHECKING:
    from patterns.core.tools import ToolCall
    from tests.fakes.provider import Call, Reply

JSON_TOOL = "json_tool_call"
"""The tool as which litellm asks older models of Anthropic for JSON."""
FINISH = {"openai": "tool_calls", "anthropic": "tool_use", "gemini": "STOP"}
_PIECES = 3


def offered(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The roster's names of the tools that may be called."""
    if (body.get("tool_choice") or {}) in ("none", {"type": "none"}):
        return ()
    declared = [inner for tool in body.get("tools", ()) for inner in tool.get("function_declarations", (tool,))]
    functions = [tool.get("function", tool) for tool in declared if "web_search" not in str(tool.get("type"))]
    names = [function["name"] for function in functions if "name" in function]
    return tuple(name.replace("__", ".") for name in names if name != JSON_TOOL)


def results(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What tools have answered."""
    messages = body.get("messages") or body.get("contents") or ()
    found = [message["content"] for message in messages if message["role"] == "tool"]
    blocks = [block for message in messages for block in _blocks(message)]
    found += [block["content"] for block in blocks if block.get("type") == "tool_result"]
    found += [block["function_response"]["response"]["content"] for block in blocks if "function_response" in block]
    return tuple(found)


def _blocks(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    content = message.get("parts") or message.get("content")
    return content if isinstance(content, list) else ()


def signature(call: Call) -> str:
    """What a provider signs the thinking of this reply with."""
    return f"signature-{call.number}=="


def openai_message(reply: Reply) -> dict[str, Any]:
    """What stands in an assistant's message beside its text."""
    made: dict[str, Any] = {"reasoning_content": reply.thinking} if reply.thinking else {}
    if reply.calls:
        made["tool_calls"] = [_openai_call(call) for call in reply.calls]
    return made


def _openai_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": _wire(call), "arguments": call.arguments}}


def openai_deltas(reply: Reply) -> list[dict[str, Any]]:
    """The same in pieces: id and name first, then the arguments of all calls in turn."""
    deltas: list[dict[str, Any]] = [{"reasoning_content": reply.thinking}] if reply.thinking else []
    for index, call in enumerate(reply.calls):
        head = {**_openai_call(call), "index": index}
        head["function"] = {"name": _wire(call), "arguments": ""}
        deltas.append({"tool_calls": [head]})
    for turn in range(_PIECES):
        for index, call in enumerate(reply.calls):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": _pieces(call)[turn]}}]})
    return deltas


def anthropic_blocks(call: Call, reply: Reply) -> list[dict[str, Any]]:
    """The blocks of a message: thinking, text, calls."""
    blocks: list[dict[str, Any]] = []
    if reply.thinking:
        blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": signature(call)})
    blocks += web.anthropic_blocks(reply)
    if reply.text:
        cited = web.anthropic_citations(reply)
        blocks.append({"type": "text", "text": reply.text, **({"citations": cited} if cited else {})})
    return [*blocks, *({"type": "tool_use", "id": c.id, "name": _wire(c), "input": _object(c)} for c in reply.calls)]


def anthropic_events(call: Call, reply: Reply, text: Sequence[str]) -> list[dict[str, Any]]:
    """The same as events."""
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if reply.thinking:
        thought = {"type": "thinking_delta", "thinking": reply.thinking}
        signed = {"type": "signature_delta", "signature": signature(call)}
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, [thought, signed]))
    for block in web.anthropic_blocks(reply):
        query = (
            {"type": "input_json_delta", "partial_json": json.dumps(block.pop("input"))} if "input" in block else None
        )
        blocks.append((block, [query] if query else []))
    if text or not reply.calls:
        cited = [{"type": "citations_delta", "citation": one} for one in web.anthropic_citations(reply)]
        said = [{"type": "text_delta", "text": piece} for piece in text]
        blocks.append(({"type": "text", "text": ""}, [*cited, *said]))
    for one in reply.calls:
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(one)]
        blocks.append(({"type": "tool_use", "id": one.id, "name": _wire(one), "input": {}}, deltas))
    events: list[dict[str, Any]] = []
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "ping"}] if index == 0 else []
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    return events


def gemini_parts(call: Call, reply: Reply) -> list[dict[str, Any]]:
    """The calls as parts; the first one is signed where the model has thought."""
    parts: list[dict[str, Any]] = [
        {"functionCall": {"id": one.id, "name": _wire(one), "args": _object(one)}} for one in reply.calls
    ]
    if parts and reply.thinking:
        parts[0]["thoughtSignature"] = signature(call)
    return parts


def _wire(call: ToolCall) -> str:
    return call.name.replace(".", "__")


def _object(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments)
    except ValueError:
        return call.arguments


def _pieces(call: ToolCall) -> list[str]:
    size = -(-len(call.arguments) // _PIECES)
    return [call.arguments[size * at : size * (at + 1)] for at in range(_PIECES)]

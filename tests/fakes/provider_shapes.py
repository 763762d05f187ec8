"""The words of three providers, so that the double in `provider.py` is only a script, a bill and its faults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.fakes import provider_calls as tools
from tests.fakes import provider_searches as web

if TYPE_CHECKING:
    from tests.fakes.provider import Bill, Call, Reply, ShapeName

FINISH = {
    "openai": {"stop": "stop", "length": "length", "content_filter": "content_filter"},
    "anthropic": {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "paused": "pause_turn"},
    "gemini": {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"},
}
OPENAI_HEAD = {"id": "chatcmpl-1", "created": 1}


def read_call(number: int, path: str, body: dict[str, Any], headers: dict[str, str]) -> Call | None:
    """The request behind any of the three endpoints; None for another path."""
    from tests.fakes.provider import Call  # noqa: PLC0415 - the double imports this module

    if path.endswith("/chat/completions"):
        shape: ShapeName = "openai"
        messages = [(m["role"], _text(m.get("content"))) for m in body["messages"]]
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        model, cap, stream = (
            body["model"],
            body.get("max_tokens", body.get("max_completion_tokens")),
            body.get("stream"),
        )
    elif path.endswith("/responses"):
        shape = "openai"
        messages = [(role, _text(content)) for role, content in web.messages_of(body)]
        schema, model, cap, stream = None, body["model"], body["max_output_tokens"], body.get("stream")
    elif path.endswith("/messages"):
        shape = "anthropic"
        messages = [
            ("system", _text(body.get("system", ""))),
            *((m["role"], _text(m.get("content"))) for m in body["messages"]),
        ]
        output = body.get("output_config", {}).get("format", {}) or body.get("output_format", {})
        schema = _json_tool(body).get("input_schema") or output.get("schema")
        model, cap, stream = body["model"], body.get("max_tokens"), body.get("stream")
    elif ":" in path and "enerateContent" in path:
        shape = "gemini"
        system = _text(body.get("system_instruction", {}).get("parts", ""))
        messages = [("system", system), *((m["role"], _text(m["parts"])) for m in body["contents"])]
        config = body.get("generationConfig", {})
        schema = next(
            (
                config[k]
                for k in ("responseSchema", "response_schema", "responseJsonSchema", "response_json_schema")
                if k in config
            ),
            None,
        )
        model = path.rpartition("/")[2].partition(":")[0]
        cap, stream = config.get("max_output_tokens", config.get("maxOutputTokens")), "stream" in path
    else:
        return None
    return Call(
        number=number,
        shape=shape,
        model=model,
        system="\n".join(text for role, text in messages if role == "system"),
        user=next((text for role, text in reversed(messages) if role == "user"), ""),
        messages=tuple((role, text) for role, text in messages if text),
        max_tokens=cap,
        schema=schema,
        stream=bool(stream),
        images=json.dumps(body).count('"image_url": {')
        + json.dumps(body).count('"type": "base64"')
        + json.dumps(body).count('"inline_data"'),
        body=body,
        headers=headers,
        tools=tools.offered(body),
        results=tools.results(body),
        searches_max=web.allowed(body),
    )


def _json_tool(body: dict[str, Any]) -> dict[str, Any]:
    """The tool whose arguments are the answer, where JSON is asked for that way."""
    return next((tool for tool in body.get("tools", ()) if tool["name"] == tools.JSON_TOOL), {})


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if "text" in part)


def usage(call: Call, bill: Bill) -> dict[str, Any]:
    """The bill in the provider's words; each of them nests reasoning and cached tokens differently."""
    visible = bill.output_tokens - bill.reasoning_tokens
    if call.shape == "openai":
        return {
            "prompt_tokens": bill.input_tokens,
            "completion_tokens": bill.output_tokens,
            "total_tokens": bill.input_tokens + bill.output_tokens,
            "prompt_tokens_details": {"cached_tokens": bill.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": bill.reasoning_tokens},
        }
    if call.shape == "anthropic":
        return {
            "input_tokens": bill.input_tokens - bill.cached_tokens,
            "cache_read_input_tokens": bill.cached_tokens,
            "cache_creation_input_tokens": 0,
            "output_tokens": bill.output_tokens,
            **({"server_tool_use": {"web_search_requests": bill.searches}} if bill.searches else {}),
        }
    return {
        "promptTokenCount": bill.input_tokens,
        "cachedContentTokenCount": bill.cached_tokens,
        "candidatesTokenCount": visible,
        "thoughtsTokenCount": bill.reasoning_tokens,
        "totalTokenCount": bill.input_tokens + bill.output_tokens,
    }


def plain(call: Call, reply: Reply, bill: Bill) -> dict[str, Any]:
    """The whole reply as one JSON object."""
    finish = _finish(call, reply)
    counted: dict[str, Any] = {} if reply.fault == "no_usage" else usage(call, bill)
    if call.shape == "openai" and "input" in call.body:
        return web.responses(call, reply, reply.finish, counted)
    if call.shape == "openai":
        message = {"role": "assistant", "content": reply.text, **tools.openai_message(reply)}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return {**OPENAI_HEAD, "object": "chat.completion", "model": call.model, "choices": [choice], "usage": counted}
    if call.shape == "anthropic":
        content = tools.anthropic_blocks(call, reply)
        if reply.text and _json_tool(call.body):
            with suppress(ValueError):
                answer = json.loads(reply.text)
                content = [{"type": "tool_use", "id": "t1", "name": tools.JSON_TOOL, "input": answer}]
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": call.model}
        return {**head, "content": content, "stop_reason": finish, "usage": counted}
    whole = _gemini(reply.text, finish, counted, tools.gemini_parts(call, reply))
    whole["candidates"][0] |= web.grounding(reply)
    return whole


def _finish(call: Call, reply: Reply) -> str:
    is_calling = reply.calls and reply.finish == "stop"
    return tools.FINISH[call.shape] if is_calling else FINISH[call.shape][reply.finish]


def _gemini(text: str, finish: str | None, counted: dict[str, Any], calls: list[dict[str, Any]]) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if text or calls:
        candidate["content"] = {"role": "model", "parts": [*([{"text": text}] if text else []), *calls]}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **({"usageMetadata": counted} if counted else {})}


def stream(call: Call, reply: Reply, bill: Bill) -> list[bytes]:
    """The reply as server-sent events, one element each, with the stream's own faults woven in."""
    size = max(1, -(-len(reply.text) // reply.chunks))
    pieces = [reply.text[i : i + size] for i in range(0, len(reply.text), size)]
    counted: dict[str, Any] = {} if reply.fault == "no_usage" else usage(call, bill)
    events = {"openai": _openai_events, "anthropic": _anthropic_events, "gemini": _gemini_events}[call.shape](
        call, reply, pieces, counted
    )
    if reply.fault == "garbage":
        return [b"data: <html>\n\n" for _ in events]
    if reply.fault == "bad_chunk":
        events.insert(half(events), b'data: {"choices": [{"del\n\n')
    if reply.fault == "error_event":
        events[half(events) :] = [_event("error" if call.shape == "anthropic" else "", error(call, reply))]
    return events


def half(events: list[bytes]) -> int:
    """Where a fault in the middle strikes: after some text, before the end."""
    return max(1, len(events) // 2)


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _openai_events(call: Call, reply: Reply, pieces: list[str], counted: dict[str, Any]) -> list[bytes]:
    if "input" in call.body:
        whole = web.responses(call, reply, reply.finish, counted)
        return [_event(event["type"], event) for event in web.responses_events(whole, pieces)]

    def chunk(delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event("", {**OPENAI_HEAD, "object": "chat.completion.chunk", "model": call.model, "choices": [choice]})

    head = chunk({"role": "assistant", "content": ""}, None)
    tail = [_event("", {**OPENAI_HEAD, "choices": [], "usage": counted})] if counted else []
    deltas = [*({"content": piece} for piece in pieces), *tools.openai_deltas(reply)]
    end = chunk({}, _finish(call, reply))
    return [head, *(chunk(delta, None) for delta in deltas), end, *tail, b"data: [DONE]\n\n"]


def _anthropic_events(call: Call, reply: Reply, pieces: list[str], counted: dict[str, Any]) -> list[bytes]:
    started = {**counted, "output_tokens": 1} if counted else {}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "usage": started,
    }
    last = {name: counted[name] for name in ("output_tokens", "server_tool_use") if name in counted}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        *tools.anthropic_events(call, reply, pieces),
        {"type": "message_delta", "delta": {"stop_reason": _finish(call, reply)}, "usage": last},
        {"type": "message_stop"},
    ]
    return [_event(event["type"], event) for event in events]


def _gemini_events(call: Call, reply: Reply, pieces: list[str], counted: dict[str, Any]) -> list[bytes]:
    said = [_gemini(piece, None, {}, []) for piece in pieces]
    said += [_gemini("", None, {}, [part]) for part in tools.gemini_parts(call, reply)]
    end = _gemini("", _finish(call, reply), counted, [])
    end["candidates"][0] |= web.grounding(reply)
    return [_event("", part) for part in (*said, end)]


def error(call: Call, reply: Reply) -> dict[str, Any]:
    """The provider's usual error object."""
    if call.shape == "anthropic":
        return {"type": "error", "error": {"type": "scripted_error", "message": reply.error}}
    if call.shape == "gemini":
        return {"error": {"code": reply.status, "message": reply.error, "status": "SCRIPTED"}}
    return {"error": {"message": reply.error, "type": "scripted_error", "code": None}}


def sample(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """The smallest value a JSON Schema allows, good enough for any schema of ours."""
    root = root or schema
    if "$ref" in schema:
        target: Any = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return sample(target, root)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return sample(schema[choice][0], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "object")
    kind = (kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        return {name: sample(part, root) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {"type": "string"}), root) for _ in range(schema.get("minItems", 1))]
    return {
        "string": "text",
        "integer": schema.get("minimum", 1),
        "number": schema.get("minimum", 1),
        "boolean": True,
        "null": None,
    }[kind]

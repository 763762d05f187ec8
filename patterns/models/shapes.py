"""The ways providers answer: one reader for each, for whole replies and for the events of a stream alike. Pure.

A reader takes one JSON object and says what is in it, in the provider's own words. It may raise anything an object of
another shape makes it raise; `replies.Reading` turns that into a broken reply.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from patterns.core.money import Usage
from patterns.models.told import Told, anthropic_usage, converse_usage, gemini_usage, ollama_usage, openai_usage

Json = Mapping[str, Any]

_ANTHROPIC_TYPES = frozenset(
    {"message", "message_start", "message_delta", "message_stop", "ping"}
    | {"content_block_start", "content_block_delta", "content_block_stop"}
)
_SAYING = (
    "content",
    "output",
    "outputs",
    "delta",
    "text",
    "response",
    "completion",
    "result",
    "usage",
    "usageMetadata",
)
_TEXT_PARTS = (None, "text", "output_text", "refusal")
_CUT = frozenset({"length", "max_tokens", "model_length", "content_filter", "error"})
"""Reasons that a gateway's `stop` does not overrule when it tells both."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a reply.

    `text` goes on from the pieces before, `whole` is all of the text so far. `tool` is a piece of a tool call's
    arguments, with its number. `finish` is the provider's word. `usage` is final where `is_bill` says so, else only
    once the end has come: `is_last` is an end that only looks like it, `has_ended` one behind which nothing matters.
    """

    text: str = ""
    whole: str | None = None
    tool: tuple[object, str] | None = None
    finish: str | None = None
    usage: Told | None = None
    is_bill: bool = False
    is_last: bool = False
    has_ended: bool = False
    error: Json | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One provider's way of answering."""

    read: Callable[[Json], Part]
    count: Callable[[Told], Usage | None]


def shape_of(data: object) -> str | None:
    """Return the shape of a reply, or of an event of one, by what is in it; None for another."""
    if not isinstance(data, Mapping):
        return None
    if "choices" in data:
        return "openai"
    if data.get("type") in _ANTHROPIC_TYPES:
        return "anthropic"
    if "candidates" in data or "promptFeedback" in data:
        return "gemini"
    if "output" in data and "stopReason" in data:
        return "converse"
    return "ollama" if "done" in data and ("message" in data or "response" in data) else None


def says_nothing(data: Json) -> bool:
    """Return whether an object is of no shape and holds nothing: it only keeps the connection open."""
    return shape_of(data) is None and not any(_says(data.get(name)) for name in _SAYING)


def _says(value: object) -> bool:
    return bool(value) and not isinstance(value, bool)


def _openai(data: Json) -> Part:
    choices = _objects(data.get("choices"))
    if not choices:
        usage = data.get("usage")
        return Part(usage=usage, is_bill=bool(usage))
    choice: Json = next((one for one in choices if _is_first(one)), {})
    usage = data.get("usage") or choice.get("usage") or (data.get("x_groq") or {}).get("usage")
    delta, message = _content_of(choice.get("delta")) or {}, _content_of(choice.get("message"))
    whole = choice.get("text") if message is None else _openai_text(message)
    native = choice.get("native_finish_reason")
    is_cut = isinstance(native, str) and native.lower() in _CUT
    error = choice.get("error")
    return Part(
        text=_openai_text(delta),
        whole=whole or None,
        tool=_openai_tool(delta) or _openai_tool(message or {}),
        finish=native if is_cut else choice.get("finish_reason"),
        usage=usage,
        error=error if isinstance(error, Mapping) else None,
    )


def _openai_text(message: Json) -> str:
    return _joined(message.get("content") or message.get("refusal") or "")


def _openai_tool(message: Json) -> tuple[object, str] | None:
    old = message.get("function_call")
    calls = _objects(message.get("tool_calls") or ([{"function": old}] if old else []))
    function = calls[0].get("function") if calls else None
    if not isinstance(function, Mapping):
        return None
    arguments = function.get("arguments") or ""
    return calls[0].get("index", 0), arguments if isinstance(arguments, str) else _json(arguments)


def _anthropic(data: Json) -> Part:  # noqa: PLR0911 - one for each kind of event
    match data.get("type"):
        case "message":
            content = data.get("content")
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else _objects(content)
            tool = next((("message", _json(b.get("input"))) for b in blocks if b.get("type") == "tool_use"), None)
            text = _joined(b for b in blocks if b.get("type", "text") == "text")
            usage = data.get("usage")
            return Part("", text or None, tool, data.get("stop_reason"), usage, is_bill=bool(usage))
        case "message_start":
            return Part(usage=data["message"].get("usage"))
        case "content_block_start" if data["content_block"].get("type") == "text":
            return Part(_joined(data["content_block"].get("text") or ""))
        case "content_block_delta" if data["delta"].get("type") == "text_delta":
            return Part(_joined(data["delta"]["text"]))
        case "content_block_delta" if data["delta"].get("type") == "input_json_delta":
            return Part(tool=(data.get("index"), data["delta"]["partial_json"]))
        case "message_delta":
            usage = data.get("usage") or {}
            finish = (data.get("delta") or {}).get("stop_reason")
            # Some gateways count on the way, in deltas that have no reason to stop yet.
            return Part("", None, None, finish, usage, is_bill=bool(finish) and "output_tokens" in usage)
        case "message_stop":
            return Part(has_ended=True)
        case _:
            return Part()


def _gemini(data: Json) -> Part:
    usage = data.get("usageMetadata")
    if not data.get("candidates"):
        blocked = (data.get("promptFeedback") or {}).get("blockReason")
        return Part(finish="safety" if blocked else None, usage=usage)
    candidate: Json = next((one for one in _objects(data["candidates"]) if _is_first(one)), {})
    content = candidate.get("content")
    content = {"parts": [{"text": content}]} if isinstance(content, str) else content or {}
    parts = _objects(content.get("parts"))
    call = next((part["functionCall"] for part in parts if part.get("functionCall")), None)
    finish = candidate.get("finishReason")
    return Part(
        text=_joined(part for part in parts if not part.get("thought")),
        tool=None if call is None else ("call", _json(call.get("args") or {})),
        finish=finish,
        usage=usage,
        is_last=finish is not None,
    )


def _converse(data: Json) -> Part:
    blocks = data["output"]["message"]["content"]
    tool = next((("message", _json(b["toolUse"]["input"])) for b in blocks if b.get("toolUse")), None)
    usage = data.get("usage")
    return Part("", _joined(blocks) or None, tool, data.get("stopReason"), usage, is_bill=bool(usage))


def _ollama(data: Json) -> Part:
    message = data.get("message") or {}
    calls = message.get("tool_calls") or []
    is_done = bool(data.get("done"))
    return Part(
        text=_joined(message.get("content") or data.get("response") or ""),
        tool=(0, _json(calls[0]["function"].get("arguments") or {})) if calls else None,
        # Versions before 0.1.45 had no word for why they were done; they stopped.
        finish=(data.get("done_reason") or "stop") if is_done else None,
        usage=data if is_done else None,
        is_bill=is_done,
        has_ended=is_done,
    )


def _any(data: Json) -> Part:
    return SHAPES[shape_of(data) or ""].read(data)


def _any_usage(told: Told) -> Usage | None:
    keys = {"promptTokenCount": "gemini", "inputTokens": "converse", "prompt_eval_count": "ollama"}
    shape = next((shape for key, shape in keys.items() if key in told), "openai")
    if shape == "openai" and "input_tokens" in told and "prompt_tokens" not in told:
        shape = "anthropic"
    return SHAPES[shape].count(told)


def _objects(values: object) -> list[Json]:
    """Return the objects in a list, or in one that a gateway made an object of; what else stands there says nothing."""
    members = values.values() if isinstance(values, Mapping) else values if isinstance(values, list) else ()
    return [one for one in members if isinstance(one, Mapping)]


def _is_first(one: Json) -> bool:
    """Return whether it is the first of several answers, or the only one, however its number is written."""
    return str(one.get("index") or 0) == "0"


def _content_of(message: object) -> Json | None:
    """Return a message as an object, also where it came as its text alone."""
    if isinstance(message, str):
        return {"content": message}
    return message if isinstance(message, Mapping) else None


def _joined(content: object) -> str:
    """Return the text of a content, whether it comes as text, as one part or as several."""
    if isinstance(content, str):
        return content
    parts = [content] if isinstance(content, Mapping) else content if isinstance(content, Iterable) else ()
    return "".join(_text_of(part) for part in parts if isinstance(part, str | Mapping))


def _text_of(part: str | Json) -> str:
    if isinstance(part, str):
        return part
    return part.get("text") or "" if part.get("type") in _TEXT_PARTS else ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


SHAPES = {
    "openai": Shape(_openai, openai_usage),
    "anthropic": Shape(_anthropic, anthropic_usage),
    "gemini": Shape(_gemini, gemini_usage),
    "converse": Shape(_converse, converse_usage),
    "ollama": Shape(_ollama, ollama_usage),
    "any": Shape(_any, _any_usage),
}
"""`any` is for providers that litellm speaks to: each reply says by itself which of the others it is."""

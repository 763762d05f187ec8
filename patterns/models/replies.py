"""What providers answer, read strictly: litellm's readers invent a finish reason and usage for a stream that was cut.

Three shapes, one reader for each, for whole replies and for the events of a stream alike. Pure: bytes in, `Completion`
out.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from patterns.core.calls import Completion
from patterns.core.money import Usage
from patterns.core.ports import OnText
from patterns.models.faults import Failure, from_event

FinishReason = Literal["stop", "length", "content_filter"]

_FINISH: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "tool_use", "tool_calls", "function_call", "eos"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "model_length", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(
        ("content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content", "spii", "language"),
        "content_filter",
    ),
}
_REPEATS_MAX = 100
_REPEAT_CHARS_MIN = 3
"""A chunk this long that comes over and over is a provider in a loop; shorter ones are rulers and indentation."""
_TOKENS_ABSURD = 1_000_000_000


class BrokenReplyError(Exception):
    """The reply cannot be used. Its `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a reply: text, the finish reason and usage once they are told, in the provider's words."""

    text: str = ""
    finish: str | None = None
    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One provider's way of answering."""

    read: Callable[[Mapping[str, Any]], Part]
    count: Callable[[Mapping[str, Any]], tuple[int, int, int, int]]
    """Input, output, cached input and reasoning tokens; output includes reasoning, input includes cached."""


def _openai(data: Mapping[str, Any]) -> Part:
    if not data.get("choices"):
        return Part(usage=data.get("usage"))
    choice = data["choices"][0]
    message = choice.get("delta") or choice.get("message") or {}
    text = message.get("content") or message.get("refusal") or ""
    return Part(_joined(text), choice.get("finish_reason"), data.get("usage"))


def _openai_count(usage: Mapping[str, Any]) -> tuple[int, int, int, int]:
    given, made = usage["prompt_tokens"], usage["completion_tokens"]
    # Some OpenAI-like providers leave reasoning out of completion_tokens and only the total has it.
    made = max(made, usage.get("total_tokens", 0) - given)
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return given, made, cached, reasoning


def _anthropic(data: Mapping[str, Any]) -> Part:
    match data.get("type"):
        case "message":
            blocks = data["content"]
            answers = [json.dumps(b["input"], ensure_ascii=False) for b in blocks if b["type"] == "tool_use"]
            text = answers[0] if answers else _joined([b for b in blocks if b["type"] == "text"])
            return Part(text, data.get("stop_reason"), data.get("usage"))
        case "message_start":
            return Part(usage=data["message"].get("usage"))
        case "content_block_delta" if data["delta"].get("type") == "text_delta":
            return Part(_joined(data["delta"]["text"]))
        case "message_delta":
            return Part("", data["delta"].get("stop_reason"), data.get("usage"))
        case _:
            return Part()


def _anthropic_count(usage: Mapping[str, Any]) -> tuple[int, int, int, int]:
    cached = usage.get("cache_read_input_tokens") or 0
    given = usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0)
    reasoning = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return given, usage["output_tokens"], cached, reasoning


def _gemini(data: Mapping[str, Any]) -> Part:
    usage = data.get("usageMetadata")
    if not data.get("candidates"):
        blocked = (data.get("promptFeedback") or {}).get("blockReason")
        return Part("", "safety" if blocked else None, usage)
    candidate = data["candidates"][0]
    parts = (candidate.get("content") or {}).get("parts") or []
    return Part(_joined([p for p in parts if not p.get("thought")]), candidate.get("finishReason"), usage)


def _gemini_count(usage: Mapping[str, Any]) -> tuple[int, int, int, int]:
    given = usage["promptTokenCount"] + (usage.get("toolUsePromptTokenCount") or 0)
    reasoning = usage.get("thoughtsTokenCount") or 0
    made = (usage.get("candidatesTokenCount") or 0) + reasoning
    # Whether candidates include thoughts differs between models; the total settles it.
    made = usage["totalTokenCount"] - given if "totalTokenCount" in usage else made
    return given, made, usage.get("cachedContentTokenCount") or 0, reasoning


def _joined(content: str | list[Mapping[str, Any]]) -> str:
    return content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)


SHAPES = {
    "openai": Shape(_openai, _openai_count),
    "anthropic": Shape(_anthropic, _anthropic_count),
    "gemini": Shape(_gemini, _gemini_count),
}


def usage_of(shape: Shape, told: Mapping[str, Any], images: int) -> Usage | None:
    """Tokens as the provider counted them, or None when it did not, or not credibly: every call has input."""
    try:
        counts = shape.count(told)
    except (KeyError, TypeError, AttributeError):
        return None
    if any(isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= _TOKENS_ABSURD for n in counts):
        return None
    given, made, cached, reasoning = counts
    return Usage(given, made, cached, reasoning, images) if given else None


@dataclass(slots=True)
class Reading:
    """Collects the parts of one reply and judges it at the end."""

    shape: Shape
    on_text: OnText | None = None
    _texts: list[str] = field(default_factory=list)
    _told: dict[str, Any] = field(default_factory=dict)
    _finish: str | None = None
    _is_counted: bool = False
    _repeats: int = 0
    _parts: int = 0

    def take(self, data: bytes) -> None:
        """One JSON object of the provider.

        Raises:
            BrokenReplyError: not JSON, not of the shape, an error object, or a loop.
        """
        try:
            loaded = json.loads(data)
            if loaded.get("error"):
                raise BrokenReplyError(from_event(loaded))
            part = self.shape.read(loaded)
            self._told.update({key: value for key, value in (part.usage or {}).items() if value is not None})
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            raise BrokenReplyError(Failure("malformed")) from None
        self._parts += 1
        self._finish = str(part.finish) if part.finish else self._finish
        # Counts from before the ending are of a part: Anthropic opens with 1, Gemini counts on the way.
        self._is_counted = self._is_counted or bool(self._finish and part.usage)
        if part.text:
            self._add(part.text)

    def _add(self, text: str) -> None:
        again = len(text) >= _REPEAT_CHARS_MIN and self._texts[-1:] == [text]
        self._repeats = self._repeats + 1 if again else 0
        if self._repeats > _REPEATS_MAX:
            raise BrokenReplyError(Failure("malformed"))
        self._texts.append(text)
        if self.on_text is not None:
            self.on_text(text)

    def completion(self, images: int) -> Completion:
        """The whole answer. An empty one is a result too: it was paid for.

        Raises:
            BrokenReplyError: there is no finish reason, so the answer was cut; or one that is no ending.
        """
        if self._finish is None:
            raise BrokenReplyError(Failure("truncated" if self._parts else "malformed"))
        finish = _FINISH.get(self._finish.lower())
        if finish is None:
            raise BrokenReplyError(Failure("malformed"))
        usage = usage_of(self.shape, self._told, images) if self._is_counted else None
        return Completion("".join(self._texts), usage, finish)


class ServerSentEvents:
    """Splits a stream of bytes into the data of its events, whatever the chunks they come in."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data lines that are complete now. Providers put one JSON object on one line; comments are skipped."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

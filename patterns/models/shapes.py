"""The ways providers answer: one reader for each, for whole replies and for the events of a stream alike. Pure.

A reader takes one JSON object and says what is in it, in the provider's own words. It may raise anything an object of
another shape makes it raise; `replies.Reading` turns that into a broken reply.
"""

from collections.abc import Mapping
from dataclasses import replace

from patterns.core.money import Usage
from patterns.models.anthropic_shape import ANTHROPIC_TYPES, read_anthropic
from patterns.models.openai_shape import read_openai, read_responses
from patterns.models.parts import (
    Json,
    Part,
    Piece,
    SearchPiece,
    Shape,
    TextMark,
    ThoughtPiece,
    is_first,
    joined,
    objects,
    whole_call,
)
from patterns.models.told import (
    Told,
    anthropic_usage,
    converse_usage,
    gemini_usage,
    ollama_usage,
    openai_usage,
    responses_usage,
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


def shape_of(data: object) -> str | None:  # noqa: PLR0911 - one for each shape
    """Return the shape of a reply, or of an event of one, by what is in it; None for another."""
    if not isinstance(data, Mapping):
        return None
    if "choices" in data:
        return "openai"
    kind = data.get("type")
    if isinstance(kind, str) and kind in ANTHROPIC_TYPES:
        return "anthropic"
    if "candidates" in data or "promptFeedback" in data:
        return "gemini"
    if "output" in data and "stopReason" in data:
        return "converse"
    if data.get("object") == "response":
        return "responses"
    return "ollama" if "done" in data and ("message" in data or "response" in data) else None


def says_nothing(data: Json) -> bool:
    """Return whether an object is of no shape and holds nothing: it only keeps the connection open."""
    return shape_of(data) is None and not any(_says(data.get(name)) for name in _SAYING)


def _says(value: object) -> bool:
    return bool(value) and not isinstance(value, bool)


def _gemini(data: Json) -> Part:
    usage = data.get("usageMetadata")
    if not data.get("candidates"):
        blocked = (data.get("promptFeedback") or {}).get("blockReason")
        return Part(finish="safety" if blocked else None, usage=usage)
    candidate: Json = next((one for one in objects(data["candidates"]) if is_first(one)), {})
    content = candidate.get("content")
    content = {"parts": [{"text": content}]} if isinstance(content, str) else content or {}
    parts = objects(content.get("parts"))
    finish = candidate.get("finishReason")
    grounded = candidate.get("groundingMetadata") or candidate.get("grounding_metadata")
    search = (_grounding(grounded),) if isinstance(grounded, Mapping) and grounded else ()
    return Part(
        text=joined(part for part in parts if not part.get("thought")),
        pieces=(*(piece for part in parts if (piece := _gemini_piece(part)) is not None), *search),
        finish=finish,
        usage=usage,
        is_last=finish is not None,
    )


def _grounding(told: Json) -> SearchPiece:
    """Return what an answer is grounded in: the pages that were read, and those of them that it is supported by."""
    chunks = told.get("groundingChunks")
    chunks = chunks if isinstance(chunks, list) else []
    pages = [chunk.get("web") if isinstance(chunk, Mapping) else None for chunk in chunks]
    read = [(page.get("uri"), page.get("title")) if isinstance(page, Mapping) else (None, None) for page in pages]
    supports = [support.get("groundingChunkIndices") for support in objects(told.get("groundingSupports"))]
    numbers = [number for some in supports if isinstance(some, list) for number in some]
    cited = [read[at] for at in numbers if type(at) is int and 0 <= at < len(read)]
    return SearchPiece(listed=told.get("webSearchQueries"), read=tuple(read), cited=tuple(cited))


def _gemini_piece(part: Json) -> Piece | None:
    signature = part.get("thoughtSignature") or part.get("thought_signature")
    marks = {"signature": signature} if isinstance(signature, str) else {}
    call = part.get("functionCall") or part.get("function_call")
    if isinstance(call, Mapping):
        return replace(whole_call(call.get("id"), call.get("name"), call.get("args")), marks=marks)
    if part.get("thought"):
        return None
    return TextMark(marks) if marks or part.get("text") else None


def _converse(data: Json) -> Part:
    blocks = objects(data["output"]["message"]["content"])
    pieces = tuple(
        piece for number, block in enumerate(blocks) if (piece := _converse_piece(number, block)) is not None
    )
    usage = data.get("usage")
    return Part("", joined(blocks) or None, pieces, data.get("stopReason"), usage, is_bill=bool(usage))


def _converse_piece(number: int, block: Json) -> Piece | None:
    """Return a block under the names that Anthropic gives to the same, which is how litellm takes it back."""
    call, thought = block.get("toolUse"), block.get("reasoningContent")
    if isinstance(call, Mapping):
        return whole_call(call.get("toolUseId"), call.get("name"), call["input"], number=number)
    if isinstance(thought, Mapping):
        if thought.get("redactedContent"):
            return ThoughtPiece("block", number, {"type": "redacted_thinking", "data": thought["redactedContent"]})
        said = thought["reasoningText"]
        fields = {"type": "thinking", "thinking": said.get("text") or "", "signature": said.get("signature") or ""}
        return ThoughtPiece("block", number, fields)
    return TextMark() if block.get("text") else None


def _ollama(data: Json) -> Part:
    message = data.get("message") or {}
    is_done = bool(data.get("done"))
    functions = [call["function"] for call in objects(message.get("tool_calls"))]
    return Part(
        text=joined(message.get("content") or data.get("response") or ""),
        pieces=tuple(whole_call("", function.get("name"), function.get("arguments")) for function in functions),
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
        shape = "responses" if "total_tokens" in told else "anthropic"
    return SHAPES[shape].count(told)


SHAPES = {
    "openai": Shape(read_openai, openai_usage),
    "responses": Shape(read_responses, responses_usage),
    "anthropic": Shape(read_anthropic, anthropic_usage),
    "gemini": Shape(_gemini, gemini_usage),
    "converse": Shape(_converse, converse_usage),
    "ollama": Shape(_ollama, ollama_usage),
    "any": Shape(_any, _any_usage),
}
"""`any` is for providers that litellm speaks to: each reply says by itself which of the others it is."""

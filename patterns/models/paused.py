"""A turn that its provider paused in a long search: the blocks of its reply, which go back to it as they came. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from patterns.models.parts import Json, objects

_GROWN = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def blocks_of(values: Iterable[Json]) -> list[dict[str, Any]]:
    """Return the blocks of a whole message, or of the events that build one, in their order."""
    blocks: dict[object, dict[str, Any]] = {}
    inputs: dict[object, list[str]] = {}
    for value in values:
        at = value.get("index")
        match value.get("type"):
            case "message":
                return [dict(block) for block in objects(value.get("content"))]
            case "content_block_start" if isinstance(value.get("content_block"), Mapping):
                blocks[at] = dict(value["content_block"])
            case "content_block_delta" if at in blocks and isinstance(value.get("delta"), Mapping):
                _grow(blocks[at], value["delta"], inputs.setdefault(at, []))
    for at, pieces in inputs.items():
        if pieces:
            blocks[at]["input"] = json.loads("".join(pieces))
    return [block for block in blocks.values() if block.get("type") != "text" or block.get("text")]


def _grow(block: dict[str, Any], delta: Json, pieces: list[str]) -> None:
    kind = str(delta.get("type"))
    if kind in _GROWN:
        block[_GROWN[kind]] = f"{block.get(_GROWN[kind]) or ''}{delta.get(_GROWN[kind]) or ''}"
    elif kind == "input_json_delta":
        pieces.append(str(delta.get("partial_json") or ""))
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]


def returned(blocks: list[dict[str, Any]], *, model: str, tokens: int) -> str:
    """Return the blocks as `Message.thinking` gives them back, with the tokens that they count beyond their bytes.

    `tokens` bounds what the reply has read and written: the provider hides most of what it found.
    """
    hidden = max(0, tokens - len(json.dumps(blocks, ensure_ascii=False).encode(errors="replace")))
    return json.dumps({"model": model, "paused": blocks, "tokens": hidden}, ensure_ascii=False)

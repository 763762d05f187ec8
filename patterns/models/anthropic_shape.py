"""How Anthropic answers: a message of blocks, or the events that build one. Pure."""

from patterns.models.parts import (
    CallPiece,
    Json,
    Part,
    Piece,
    TextMark,
    ThoughtPiece,
    joined,
    objects,
    whole_call,
    word,
)

ANTHROPIC_TYPES = frozenset(
    {"message", "message_start", "message_delta", "message_stop", "ping"}
    | {"content_block_start", "content_block_delta", "content_block_stop"}
)
_THINKING = ("thinking", "redacted_thinking")


def read_anthropic(data: Json) -> Part:  # noqa: PLR0911 - one for each kind of event
    """Return what is in a message or in an event of one."""
    match data.get("type"):
        case "message":
            return _message(data)
        case "message_start":
            return Part(usage=data["message"].get("usage"))
        case "content_block_start":
            return _start(data.get("index"), data["content_block"])
        case "content_block_delta":
            return _delta(data.get("index"), data["delta"])
        case "message_delta":
            usage = data.get("usage") or {}
            finish = (data.get("delta") or {}).get("stop_reason")
            # Some gateways count on the way, in deltas that have no reason to stop yet.
            return Part(finish=finish, usage=usage, is_bill=bool(finish) and "output_tokens" in usage)
        case "message_stop":
            return Part(has_ended=True)
        case _:
            return Part()


def _message(data: Json) -> Part:
    content = data.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
    pieces = tuple(piece for at, block in enumerate(blocks) if (piece := _block(at, block)) is not None)
    text = joined(block for block in blocks if block.get("type", "text") == "text")
    usage = data.get("usage")
    return Part("", text or None, pieces, data.get("stop_reason"), usage, is_bill=bool(usage))


def _block(at: int, block: Json) -> Piece | None:
    kind = block.get("type", "text")
    if kind == "tool_use":
        return whole_call(block.get("id"), block.get("name"), block.get("input"), number=at)
    if kind in _THINKING:
        return ThoughtPiece("block", at, block, begins=True)
    return TextMark() if kind == "text" and block.get("text") else None


def _start(at: object, block: Json) -> Part:
    kind = block.get("type")
    if kind == "text":
        text = joined(block.get("text") or "")
        return Part(text, pieces=(TextMark(),) if text else ())
    if kind == "tool_use":
        given = block.get("input")
        arguments = whole_call("", "", given).arguments if given else ""
        opening = CallPiece(at, word(block.get("id")), word(block.get("name")), arguments, is_opening=True)
        return Part(pieces=(opening,))
    return Part(pieces=(ThoughtPiece("block", at, block, begins=True),)) if kind in _THINKING else Part()


def _delta(at: object, delta: Json) -> Part:
    match delta.get("type"):
        case "text_delta":
            text = joined(delta["text"])
            return Part(text, pieces=(TextMark(),) if text else ())
        case "input_json_delta":
            said = delta["partial_json"]
            piece = CallPiece(at, arguments=said) if isinstance(said, str) else whole_call("", "", said, number=at)
            return Part(pieces=(piece,))
        case "thinking_delta":
            return Part(pieces=(ThoughtPiece("block", at, grown={"thinking": delta["thinking"]}),))
        case "signature_delta":
            return Part(pieces=(ThoughtPiece("block", at, grown={"signature": delta["signature"]}),))
        case _:
            return Part()

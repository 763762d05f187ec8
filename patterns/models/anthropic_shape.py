"""How Anthropic answers: a message of blocks, or the events that build one. Pure."""

from collections.abc import Mapping

from patterns.models.parts import (
    PARAGRAPH,
    CallPiece,
    Json,
    Part,
    Piece,
    SearchPiece,
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
_SEARCH, _SEARCHED = "server_tool_use", "web_search_tool_result"


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
    blocks: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
    pieces = tuple(piece for at, block in enumerate(blocks) if (piece := _block(at, block)) is not None)
    text = _text_of(blocks)
    cited = tuple(pair for block in blocks for one in objects(block.get("citations")) for pair in _address(one))
    pieces = (*pieces, SearchPiece(cited=cited)) if cited else pieces
    usage = data.get("usage")
    return Part("", text or None, pieces, data.get("stop_reason"), usage, is_bill=bool(usage))


def _text_of(blocks: list[Json]) -> str:
    """Return the text of all blocks; what was said before a search is a paragraph of its own."""
    said: list[str] = []
    for block in blocks:
        kind = block.get("type", "text")
        if kind == "text":
            said.append(joined([block]))
        elif kind in (_SEARCH, _SEARCHED) and said and said[-1] != PARAGRAPH:
            said.append(PARAGRAPH)
    return "".join(said).removesuffix(PARAGRAPH)


def _searched(number: object, block: Json) -> SearchPiece | None:
    """Return a search, or what came of one: a list of results, or an error in place of it."""
    if block.get("type") == _SEARCH:
        given = block.get("input")
        query = given.get("query") if isinstance(given, Mapping) else None
        is_web = block.get("name") == "web_search"
        return SearchPiece(number, queries=(query,) if query else (), pauses=True) if is_web else None
    content = block.get("content")
    if isinstance(content, Mapping):
        return SearchPiece(error=word(content.get("error_code")) or "error", pauses=True)
    read = tuple(pair for one in objects(content) for pair in _address(one))
    return SearchPiece(made=1, read=read, pauses=True)


def _address(one: Json) -> tuple[tuple[object, object], ...]:
    return ((one["url"], one.get("title")),) if one.get("url") else ()


def _block(at: int, block: Json) -> Piece | None:
    kind = block.get("type", "text")
    if kind in (_SEARCH, _SEARCHED):
        return _searched(None, block)
    if kind == "tool_use":
        return whole_call(block.get("id"), block.get("name"), block.get("input"), number=at)
    if kind in _THINKING:
        return ThoughtPiece("block", at, block, begins=True)
    return TextMark() if kind == "text" and block.get("text") else None


def _start(at: object, block: Json) -> Part:
    kind = block.get("type")
    if kind in (_SEARCH, _SEARCHED):
        search = _searched(at, block) if kind == _SEARCH else _searched(None, block)
        return Part(pieces=(search,) if search else ())
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
        case "citations_delta":
            citation = delta.get("citation")
            cited = _address(citation) if isinstance(citation, Mapping) else ()
            return Part(pieces=(SearchPiece(cited=cited),) if cited else ())
        case "signature_delta":
            return Part(pieces=(ThoughtPiece("block", at, grown={"signature": delta["signature"]}),))
        case _:
            return Part()

"""How OpenAI answers, and everything that answers like it: text, tool calls and, at some, thinking. Pure.

Its newer endpoint, `/responses`, is the only one of some models; litellm asks there, and the reply is read here.
"""

from collections.abc import Mapping
from dataclasses import replace

from patterns.models.parts import (
    CallPiece,
    Json,
    Part,
    Piece,
    SearchPiece,
    TextMark,
    ThoughtPiece,
    as_json,
    is_first,
    joined,
    objects,
    whole_call,
    word,
)

_CUT = frozenset({"length", "max_tokens", "model_length", "content_filter", "error"})
"""Reasons that a gateway's `stop` does not overrule when it tells both."""
_THOUGHTS = ("reasoning_content", "reasoning")
"""What servers call thinking that they give beside the text."""
_RESPONSE_ENDS = ("response.completed", "response.incomplete", "response.failed")
_NO_SEARCH = ("open_page", "find_in_page")
_GROWING = ("text", "summary", "data", "signature")
_MARKS = ("extra_content", "provider_specific_fields")
"""Where a thought's signature stands beside a call: at Google's endpoint of this shape, and where litellm puts it."""


def read_openai(data: Json) -> Part:
    """Return what is in a reply or in a chunk of one."""
    choices = objects(data.get("choices"))
    if not choices:
        usage = data.get("usage")
        return Part(usage=usage, is_bill=bool(usage))
    choice: Json = next((one for one in choices if is_first(one)), {})
    usage = data.get("usage") or choice.get("usage") or (data.get("x_groq") or {}).get("usage")
    delta, message = _content_of(choice.get("delta")) or {}, _content_of(choice.get("message"))
    whole = choice.get("text") if message is None else _text_of(message)
    native = choice.get("native_finish_reason")
    is_cut = isinstance(native, str) and native.lower() in _CUT
    error = choice.get("error")
    return Part(
        text=_text_of(delta),
        whole=whole or None,
        pieces=(*_pieces(delta, is_whole=False), *_pieces(message or {}, is_whole=True)),
        finish=native if is_cut else choice.get("finish_reason"),
        usage=usage,
        error=error if isinstance(error, Mapping) else None,
    )


def _content_of(message: object) -> Json | None:
    """Return a message as an object, also where it came as its text alone."""
    if isinstance(message, str):
        return {"content": message}
    return message if isinstance(message, Mapping) else None


def _text_of(message: Json) -> str:
    return joined(message.get("content") or message.get("refusal") or "")


def _pieces(message: Json, *, is_whole: bool) -> list[Piece]:
    text: list[Piece] = [TextMark()] if _text_of(message) else []
    return [*_thoughts(message, is_whole=is_whole), *text, *_calls(message, is_whole=is_whole)]


def _calls(message: Json, *, is_whole: bool) -> list[CallPiece]:
    old = message.get("function_call")
    calls = objects(message.get("tool_calls")) or ([{"function": old, "index": 0}] if isinstance(old, Mapping) else [])
    return [_call(call, at if is_whole else None, is_whole=is_whole) for at, call in enumerate(calls)]


def _call(call: Json, at: int | None, *, is_whole: bool) -> CallPiece:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    arguments = function.get("arguments")
    is_object = arguments is not None and not isinstance(arguments, str)
    return CallPiece(
        number=at if at is not None else call.get("index"),
        id=word(call.get("id")),
        name=word(function.get("name")),
        arguments=as_json(arguments) if is_object else arguments or "",
        is_whole=is_whole,
        is_object=is_object,
        marks={name: call[name] for name in _MARKS if call.get(name)},
    )


def _thoughts(message: Json, *, is_whole: bool) -> list[ThoughtPiece]:
    """Return the thinking that a server takes back: OpenRouter's details where there are some, else its text."""
    details, blocks = objects(message.get("reasoning_details")), objects(message.get("thinking_blocks"))
    if details:
        return [_detail(at, detail, is_whole=is_whole) for at, detail in enumerate(details)]
    if blocks:
        return [ThoughtPiece("block", at, block, begins=is_whole) for at, block in enumerate(blocks)]
    name = next((name for name in _THOUGHTS if isinstance(message.get(name), str) and message[name]), None)
    if name is None:
        return []
    said = {"text": message[name]}
    return [ThoughtPiece(name, 0, said) if is_whole else ThoughtPiece(name, 0, grown=said)]


def _detail(at: int, detail: Json, *, is_whole: bool) -> ThoughtPiece:
    if is_whole:
        return ThoughtPiece("detail", at, detail, begins=True)
    grown = {name: detail[name] for name in _GROWING if isinstance(detail.get(name), str)}
    fields = {name: value for name, value in detail.items() if name not in grown}
    return ThoughtPiece("detail", (detail.get("index", at), detail.get("type")), fields, grown)


def read_responses(data: Json) -> Part:
    """Return what is in a reply of `/responses`, or in an event of one: the last one brings the whole reply."""
    kind = data.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        return _event(kind, data)
    return _response(data)


def _event(kind: str, data: Json) -> Part:
    if kind in ("response.output_text.delta", "response.refusal.delta"):
        return Part(joined(data.get("delta") or ""))
    whole = data.get("response")
    if kind in _RESPONSE_ENDS and isinstance(whole, Mapping):
        error = whole.get("error")
        return replace(_response(whole), has_ended=True, error=error if isinstance(error, Mapping) else None)
    return Part()


def _response(data: Json) -> Part:
    """Return what is in a whole reply, whose ending is its status."""
    items, usage = objects(data.get("output")), data.get("usage")
    texts = [_text_of(item) for item in items if item.get("type") == "message"]
    ending = data.get("status")
    if ending == "incomplete":
        ending = (data.get("incomplete_details") or {}).get("reason")
    return Part(
        whole="".join(texts) or None,
        pieces=tuple(piece for at, item in enumerate(items) for piece in _item(at, item)) or _unread(data),
        finish=word(ending) or None,
        usage=usage,
        is_bill=bool(usage),
    )


def _item(at: int, item: Json) -> tuple[Piece, ...]:
    """Return what is in an item beside text: a call, a search, or the addresses that a message cites."""
    match item.get("type"):
        case "function_call":
            return (whole_call(item.get("call_id"), item.get("name"), item.get("arguments"), number=at),)
        case "web_search_call":
            return (_search(item),)
        case "message":
            parts = objects(item.get("content"))
            notes = [note for part in parts for note in objects(part.get("annotations"))]
            cited = tuple((note.get("url"), note.get("title")) for note in notes if note.get("type") == "url_citation")
            return (SearchPiece(cited=cited),) if cited else ()
        case _:
            return ()


def _unread(data: Json) -> tuple[Piece, ...]:
    return () if isinstance(data.get("output"), list) else (SearchPiece(is_unread=True),)


def _search(item: Json) -> SearchPiece:
    """Return a search, or the opening of a page that one found, which is not billed."""
    action = item.get("action")
    action = action if isinstance(action, Mapping) else {}
    is_page = action.get("type") in _NO_SEARCH
    asked = action.get("queries")
    asked = asked if isinstance(asked, list) else [action.get("query")]
    read = [(one.get("url"), one.get("title")) for one in objects(action.get("sources"))]
    read += [(action.get("url"), None)] if is_page else []
    failed = item.get("status") == "failed"
    return SearchPiece(
        queries=tuple(asked), made=0 if is_page else 1, read=tuple(read), error="failed" if failed else ""
    )

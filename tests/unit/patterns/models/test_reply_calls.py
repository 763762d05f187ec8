"""Calls of tools come together out of any pieces, and no reply makes them grow without end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.tools import ToolCall
from patterns.models.offer import Offer
from patterns.models.parts import CallPiece, TextMark, ThoughtPiece
from patterns.models.reply_calls import ARGUMENTS_CHARS_MAX, CALLS_MAX, THINKING_CHARS_MAX, ReplyCalls, TooMuchError

OFFER = Offer.of(["tickets.search"], model="p/m", earlier=(), turn=2, output_tokens_max=99)
NAME = "tickets__search"


def calls(*pieces: CallPiece, is_cut: bool = False) -> list[tuple[str, str, str]]:
    collected = ReplyCalls()
    for piece in pieces:
        collected.take(piece)
    return [(call.id, call.name, call.arguments) for call in collected.calls(OFFER, is_cut=is_cut)]


@given(st.data())
def test_any_split_and_any_order_of_pieces_makes_the_same_calls(data: st.DataObject) -> None:
    values = data.draw(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), min_size=1), max_size=5))
    texts = [json.dumps(value, ensure_ascii=data.draw(st.booleans())) for value in values]
    left = [(number, text) for number, text in enumerate(texts)]
    pieces = [CallPiece(number, f"c{number}", NAME) for number in range(len(texts))]
    while left:
        number, text = left.pop(data.draw(st.integers(0, len(left) - 1)))
        cut = data.draw(st.integers(1, len(text)))
        pieces.append(CallPiece(number, arguments=text[:cut]))
        left += [(number, text[cut:])] if text[cut:] else []
    made = calls(*pieces)
    assert [json.loads(arguments) for _, _, arguments in made] == values
    assert [(told, name) for told, name, _ in made] == [(f"c{n}", "tickets.search") for n in range(len(texts))]


def test_the_same_reply_gets_the_same_ids_whenever_it_is_read() -> None:
    piece = CallPiece(None, "", NAME, "{}", is_whole=True)
    assert calls(piece, piece) == calls(piece, piece)
    assert [told for told, _, _ in calls(piece, piece)] == ["call_2_0", "call_2_1"]


def test_what_no_database_stores_is_replaced() -> None:
    assert calls(CallPiece(0, "a\x00", "n\ud800", '"\x00"')) == [("a\ufffd", "n?", '"\ufffd"')]


def test_only_the_last_call_can_be_cut_and_then_it_never_parses() -> None:
    first = CallPiece(0, "a", NAME, '{"q": 1}', is_whole=True, is_object=True)
    assert [text for _, _, text in calls(first, CallPiece(1, "b", NAME, ""), is_cut=True)] == ['{"q": 1}', ""]
    assert [text for _, _, text in calls(first, is_cut=True)] == ['{"q": 1']


ENDLESS = {
    "arguments": [CallPiece(0, arguments="x" * 1000)] * (ARGUMENTS_CHARS_MAX // 1000 + 1),
    "calls": [CallPiece(None, "", NAME, "", is_whole=True)] * (CALLS_MAX + 1),
    "thinking": [ThoughtPiece("block", 0, grown={"thinking": "x" * 10**6})] * (THINKING_CHARS_MAX // 10**6 + 1),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_no_reply_grows_without_end(what: str) -> None:
    collected = ReplyCalls()
    for piece in ENDLESS[what][:-1]:
        collected.take(piece)
    with pytest.raises(TooMuchError):
        collected.take(ENDLESS[what][-1])


def test_thinking_keeps_its_place_its_model_and_what_it_may_count() -> None:
    collected = ReplyCalls()
    pieces = [
        ThoughtPiece("block", 0, {"type": "thinking"}, {"thinking": "a\x00"}),
        ThoughtPiece("block", 0, grown={"signature": "s=="}),
        TextMark(),
        CallPiece(1, "c", NAME, "{}"),
        ThoughtPiece("block", 2, {"type": "redacted_thinking", "data": "\ud800"}, begins=True),
    ]
    for piece in pieces:
        collected.take(piece)
    thinking = collected.thinking(OFFER, tokens=7)
    assert thinking.isascii()
    assert json.loads(thinking) == {
        "model": "p/m",
        "tokens": 7,
        "blocks": [
            {"block": {"type": "thinking", "thinking": "a\x00", "signature": "s=="}},
            {"text": {}},
            {"call": "c"},
            {"block": {"type": "redacted_thinking", "data": "\ud800"}},
        ],
    }


def test_calls_without_thinking_have_nothing_to_give_back() -> None:
    collected = ReplyCalls()
    collected.take(TextMark())
    collected.take(CallPiece(0, "c", NAME, "{}"))
    assert (collected.thinking(OFFER, tokens=7), bool(collected)) == ("", True)
    assert collected.calls(OFFER, is_cut=False) == (ToolCall(id="c", name="tickets.search", arguments="{}"),)

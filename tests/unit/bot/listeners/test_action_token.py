"""The key for searches that comes with a message: it leaves the payload before that is stored."""

from typing import Any

import pytest

from bot.listeners.inbox_middleware import ACTION_TOKEN_CHARS_MAX, without_action_token

MESSAGE = {"type": "message", "text": "hello", "ts": "1.2"}


@pytest.mark.parametrize(
    ("event", "bare", "token"),
    [
        ({**MESSAGE, "action_token": "12.34.ab"}, MESSAGE, "12.34.ab"),
        (
            {**MESSAGE, "assistant_thread": {"action_token": "12.34.ab", "x": 1}},
            {**MESSAGE, "assistant_thread": {"x": 1}},
            "12.34.ab",
        ),
        (MESSAGE, MESSAGE, ""),
        ({**MESSAGE, "action_token": 7}, MESSAGE, ""),
        ({**MESSAGE, "action_token": ["x"], "assistant_thread": "x"}, {**MESSAGE, "assistant_thread": "x"}, ""),
    ],
)
def test_the_key_is_taken_out_wherever_it_stands(event: Any, bare: Any, token: str) -> None:
    payload = {"type": "event_callback", "event": event, "event_id": "E1"}
    assert without_action_token(payload) == ({**payload, "event": bare}, token)


def test_what_is_no_event_has_none_and_a_key_is_bounded() -> None:
    assert without_action_token({"command": "/agents"}) == ({"command": "/agents"}, "")
    assert without_action_token({"event": "odd"}) == ({"event": "odd"}, "")
    assert len(without_action_token({"event": {"action_token": "x" * 9_000}})[1]) == ACTION_TOKEN_CHARS_MAX

"""Long texts are rendered in a thread, short ones at once."""

import threading

from bot.threads.rendering import LONG_CHARS, rendered


async def test_a_long_text_is_rendered_beside_the_event_loop() -> None:
    assert await rendered(LONG_CHARS + 1, threading.get_ident) != threading.get_ident()


async def test_a_short_text_is_rendered_at_once() -> None:
    assert await rendered(LONG_CHARS, threading.get_ident) == threading.get_ident()

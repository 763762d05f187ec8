"""Render long texts beside the event loop, so that one answer of a book's length keeps nobody else waiting."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONG_CHARS = 10_000
"""Characters; a shorter text is rendered sooner than a thread starts to run."""


async def rendered(chars: int, render: Callable[[], T]) -> T:
    """Return what `render` makes of a text of so many characters: in a thread when it is long."""
    return render() if chars <= LONG_CHARS else await asyncio.to_thread(render)

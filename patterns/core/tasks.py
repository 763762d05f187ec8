"""Await work that must finish although the task around it is cancelled: settling money, releasing reservations."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from patterns.core.errors import StorageError

T = TypeVar("T")

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0, 15.0)
"""Seconds between two tries of a write whose loss would cost money: one and a half minutes in all."""


async def run_to_completion(work: Coroutine[Any, Any, T]) -> T:
    """Await work to its end although the surrounding task is cancelled; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and task.exception() is None:
        raise cancelled
    return task.result()


async def run_patiently(work: Callable[[], Coroutine[Any, Any, T]], sleep: Callable[[float], Awaitable[None]]) -> T:
    """Run work to completion, again and again while the database is away; doing it twice must be harmless.

    What is not written would be paid for again. A cancellation ends the waiting between two tries, and no try.

    Raises:
        StorageError: of the last try.
    """
    for pause_s in PAUSES_S:
        try:
            return await run_to_completion(work())
        except StorageError as error:
            task = asyncio.current_task()
            if not error.may_pass or (task is not None and task.cancelling()):
                raise
        await sleep(pause_s)
    return await run_to_completion(work())

"""The calls of one turn, side by side."""

import asyncio
from collections.abc import Sequence

from patterns.core.errors import ParkedError
from patterns.core.step_record import StepRecord


async def all_ended(tasks: Sequence["asyncio.Task[StepRecord]"]) -> list[StepRecord]:
    """Return the results of calls, once all have ended: a call that was sent is never cancelled by a sibling.

    Raises:
        ParkedError: with the questions of all that wait; any other error comes first.
    """
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError as stopped:
        for task in tasks:
            task.cancel(*stopped.args[:1])
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    failures = list(filter(None, (task.exception() for task in tasks)))
    waiting = [failure for failure in failures if isinstance(failure, ParkedError)]
    for failure in failures:
        if not isinstance(failure, ParkedError):
            raise failure
    if waiting:
        raise ParkedError(*(path for parked in waiting for path in parked.paths))
    return [task.result() for task in tasks]

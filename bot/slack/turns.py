"""Turns at something that one waiter may do at a time: the one that matters most is next, among equals the first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from heapq import heappop, heappush


class Rank(IntEnum):
    """How soon a call to Slack leaves when many wait: what ends a request before what begins another."""

    ENDS = 0
    USUAL = 1
    BEGINS = 2


class Turns:
    """A lock whose waiters have ranks. What ends is bounded by what has begun, so nothing waits for ever."""

    def __init__(self) -> None:
        self._is_taken = False
        self._count = 0
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []

    def locked(self) -> bool:
        """Return whether somebody has the turn."""
        return self._is_taken

    @asynccontextmanager
    async def turn(self, rank: Rank) -> AsyncIterator[None]:
        """Wait for the turn, and have it inside the block."""
        if self._is_taken:
            turn = asyncio.get_running_loop().create_future()
            self._count += 1
            heappush(self._waiting, (rank, self._count, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()  # it was given in the same moment
                raise
        self._is_taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Give the turn to the next waiter that still waits; it stays taken on the way."""
        while self._waiting:
            _rank, _count, turn = heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False

"""Pools of connections to PostgreSQL that hand out the one that came back last."""

import select
from collections import deque
from typing import Any, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool

C = TypeVar("C", bound=psycopg.AsyncConnection[Any])


class _LastFirst(deque[C]):
    """A line whose next is who joined it last."""

    def popleft(self) -> C:
        """Take who joined last."""
        return self.pop()


class Pool(AsyncConnectionPool[C]):
    """A pool whose work stays with few connections: psycopg's own takes turns, which keeps none of them warm.

    Each connection is a process of the server, with its own plans and its own part of a core's caches.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 - the pool's own
        super().__init__(*args, **settings)
        self._pool = _LastFirst(self._pool)


def queue_pool(**settings: Any) -> Pool[Any]:  # noqa: ANN401 - what Procrastinate hands over
    """Return a pool for the job queue that asks a connection whether it lives only where the server has spoken."""
    return Pool(**{**settings, "check": _check_if_spoken_to})


async def _check_if_spoken_to(connection: psycopg.AsyncConnection[Any]) -> None:
    """Check a connection that has something to read: the server hung up, or said that it will."""
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    if heard.poll(0):
        await AsyncConnectionPool.check_connection(connection)

"""Bounds of the queue: how many accepted requests may wait, checked in the transaction that accepts one more."""

from dataclasses import dataclass
from typing import Literal

from patterns.core.errors import AgentsError
from storage.database.statements import Work, load
from storage.run_rows import Lane

q = load("queue_bounds")

Bound = Literal["person", "channel", "all"]


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """How many requests may wait to begin: of one person, in one channel, and in all."""

    person: int = 100
    channel: int = 500
    all: int = 5000


class QueueFullError(AgentsError):
    """As many requests wait as are kept. Please ask again when some of them are done."""

    def __init__(self, bound: Bound, most: int) -> None:
        super().__init__()
        self.bound: Bound = bound
        self.most = most


def within(bounds: QueueBounds, lane: Lane) -> Work[None]:
    """Check the bounds after a request was inserted, as part of its transaction.

    Raises:
        QueueFullError: it is one too many; the transaction is to be rolled back.
    """
    (row,) = yield q.count_waiting(workspace=lane.workspace, channel=lane.channel, user_id=lane.user)
    counted: tuple[tuple[Bound, int], ...] = (
        ("person", bounds.person),
        ("channel", bounds.channel),
        ("all", bounds.all),
    )
    for bound, most in counted:
        if row[f"of_{bound}"] > most:
            raise QueueFullError(bound, most)

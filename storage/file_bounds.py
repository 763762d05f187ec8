"""Bounds of stored files: how many megabytes are kept of a person and in a channel, whatever their requests brought."""

from dataclasses import dataclass
from typing import Literal

from patterns.core.errors import AgentsError

Bound = Literal["person", "channel"]


@dataclass(frozen=True, slots=True)
class FileBounds:
    """How many megabytes of files are kept at once: of one person, and in one channel."""

    person: int = 100
    channel: int = 500


class FileBudgetError(AgentsError):
    """As many bytes of files are kept as may be. Older ones go by themselves."""

    def __init__(self, bound: Bound, most_mb: int) -> None:
        super().__init__()
        self.bound: Bound = bound
        self.most_mb = most_mb

"""What a run has decided, reserved and released and not written yet: it waits for the run's next write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from patterns.core.errors import StorageError
from patterns.core.holds import Fence, Hold, ReserveRequest
from patterns.core.step_record import StepRecord
from storage.ledger.transaction import Decide, Operation, Release, Reserve


@dataclass(slots=True, eq=False)
class Entry:
    """An operation of the ledger that waits, with its place among the others."""

    operation: Operation
    number: int = 0


@dataclass(slots=True, eq=False, kw_only=True)
class Reservation(Entry):
    """A reservation that is written with the next hold.

    `kept` are the ids of its parts that are not released. While it `is_doubtful`, what follows from it may not happen;
    `is_told`, a hold that draws on it was refused, so whoever made it begins again from the event `events_from` on.
    """

    kept: set[str]
    events_from: int
    state: Literal["waiting", "granted", "refused"] = "waiting"
    is_doubtful: bool = True
    is_told: bool = False


@dataclass(slots=True)
class Waiting:
    """Steps and the flow that were decided, and reservations and releases in their order."""

    steps: list[StepRecord] = field(default_factory=list)
    flow: tuple[str, int] | None = None
    _money: list[Entry] = field(default_factory=list)
    _reservations: list[Reservation] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def has_decisions(self) -> bool:
        """Return whether a decision waits."""
        return bool(self.steps or self.flow)

    @property
    def is_doubtful(self) -> bool:
        """Return whether a reservation is not known to stand."""
        return any(one.is_doubtful for one in self._reservations)

    def reserve(self, requests: Sequence[ReserveRequest], *, events_from: int) -> list[Hold]:
        """Let a reservation wait and return its holds."""
        ids = {request.call_id for request in requests}
        entry = Reservation(Reserve(tuple(requests)), next(self._numbers), kept=ids, events_from=events_from)
        self._money.append(entry)
        self._reservations.append(entry)
        return [Hold(request.call_id, request.amount_nusd) for request in requests]

    def release(self, call_ids: Sequence[str]) -> int | None:
        """Let a release wait; what is known to stand nowhere needs none.

        Returns the number of events that stand, where what was begun on the strength of a reservation begins again.
        """
        stands: int | None = None
        ids = dict.fromkeys(call_ids)
        for one in list(self._reservations):
            mine = [id_ for id_ in ids if id_ in one.kept]
            one.kept.difference_update(mine)
            if mine and one.is_told:
                stands, one.is_told, one.is_doubtful = one.events_from, False, False
            is_unwritten = one in self._money and not one.kept
            if is_unwritten:
                self._money.remove(one)
            if is_unwritten or one.state == "refused":
                for id_ in mine:
                    del ids[id_]
            if not one.kept:
                self._reservations.remove(one)
        if ids:
            self._money.append(Entry(Release(tuple(ids)), next(self._numbers)))
        return stands

    def forget(self) -> None:
        """Leave what is to be released to the end of the run."""
        self._money.clear()

    def take(self, fence: Fence) -> list[Entry]:
        """Return everything that waits, to be written in this order."""
        decided = [Entry(Decide(fence, tuple(self.steps), self.flow))] if self.has_decisions else []
        taken = [*decided, *self._money]
        self.steps, self.flow, self._money = [], None, []
        return taken

    def answered(self, entry: Entry, error: BaseException | None) -> None:
        """Note how a write ended; what the database could not take waits again: writing it twice does it once."""
        if isinstance(error, StorageError):
            self._put_back(entry)
        elif isinstance(entry, Reservation):
            entry.state, entry.is_doubtful = ("refused", True) if error else ("granted", False)

    def _put_back(self, entry: Entry) -> None:
        if isinstance(entry.operation, Decide):
            self.steps = [*entry.operation.steps, *self.steps]
            self.flow = self.flow or entry.operation.flow
        elif not isinstance(entry, Reservation) or entry.kept:
            self._money.append(entry)
            self._money.sort(key=lambda one: one.number)

    def tell(self, envelope: str | None) -> None:
        """Note that a hold was refused because the reservation it draws on was."""
        for one in self._reservations:
            one.is_told = one.is_told or envelope in one.kept

    def go_on(self, envelope: str | None) -> None:
        """Note that a hold was granted: the work goes on without a refused reservation that it does not draw on."""
        for one in self._reservations:
            one.is_doubtful = one.is_doubtful and (one.state != "refused" or envelope in one.kept)

    def is_refused(self, call_id: str) -> bool:
        """Return whether this reservation is known to have been refused."""
        return any(one.state == "refused" and call_id in one.kept for one in self._reservations)

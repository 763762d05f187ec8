"""Fair scheduler of one process: runs wait in lanes, and a free slot goes to whoever has the fewest running. Pure."""

from collections import Counter
from collections.abc import Hashable, Iterator

from storage.run_rows import Lane

PERSON_PART, CHANNEL_PART = 4, 2
"""One person holds at most a quarter of the slots and one channel at most half, even while others are free: what comes
next from somebody else must find one."""


class FairScheduler:
    """Round robin over channels, within a channel over people, within a person first in, first out.

    Shares are parts of `slots`; `at_once`, where it is given, is how many run in all.
    """

    def __init__(self, slots: int, *, at_once: int | None = None) -> None:
        self._at_once = at_once or slots
        self._per_person = max(1, slots // PERSON_PART)
        self._per_channel = max(1, slots // CHANNEL_PART)
        self._waiting: dict[Lane, dict[str, int]] = {}
        self._lanes: dict[str, Lane] = {}
        self._running: dict[str, Lane] = {}
        self._busy: Counter[Hashable] = Counter()
        self._served: dict[Hashable, int] = {}
        self._ticks = 0

    def __contains__(self, run_id: str) -> bool:
        """Return True for a run that waits here."""
        return run_id in self._lanes

    def add(self, run_id: str, lane: Lane) -> None:
        """Have a run wait in its lane; one that waits already keeps its place."""
        if run_id in self._lanes:
            return
        self._lanes[run_id] = lane
        self._waiting.setdefault(lane, {})[run_id] = self._tick()

    def remove(self, run_id: str) -> None:
        """Take a run out of its lane, if it waits."""
        lane = self._lanes.pop(run_id, None)
        if lane is None:
            return
        del self._waiting[lane][run_id]
        if not self._waiting[lane]:
            del self._waiting[lane]

    def ahead(self, run_id: str) -> int | None:
        """Return how many waiting runs of the same person come before this one; None when it does not wait."""
        lane = self._lanes.get(run_id)
        if lane is None:
            return None
        since = self._waiting[lane][run_id]
        own = (line for other, line in self._waiting.items() if other.person == lane.person)
        return sum(arrived < since for line in own for arrived in line.values())

    def start(self) -> Iterator[str]:
        """Give free slots away: yield each run that is to be executed now, until its `end`."""
        while len(self._running) < self._at_once:
            lane = min(filter(self._has_room, self._waiting), key=self._turn, default=None)
            if lane is None:
                return
            run_id = next(iter(self._waiting[lane]))
            self.remove(run_id)
            self._running[run_id] = lane
            now = self._tick()
            for party in (lane.channel_key, lane.person):
                self._busy[party] += 1
                self._served[party] = now
            yield run_id

    def lane_of(self, run_id: str) -> Lane | None:
        """Return the lane of a run that was started and has not ended; None for any other."""
        return self._running.get(run_id)

    def end(self, run_id: str) -> Lane:
        """Free the slot of a run and return its lane."""
        lane = self._running.pop(run_id)
        for party in (lane.channel_key, lane.person):
            self._busy[party] -= 1
        if not self._waiting and not self._running:
            self._busy.clear()
            self._served.clear()  # whose turn it was means nothing once nobody waits
        return lane

    def _has_room(self, lane: Lane) -> bool:
        return self._busy[lane.person] < self._per_person and self._busy[lane.channel_key] < self._per_channel

    def _turn(self, lane: Lane) -> tuple[int, int, int, int, int]:
        """Return the order of lanes: fewest running, then longest not served, the channel before the person."""
        channel, person = lane.channel_key, lane.person
        arrived = next(iter(self._waiting[lane].values()))
        served = (self._served.get(channel, 0), self._served.get(person, 0))
        return self._busy[channel], self._busy[person], *served, arrived

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks

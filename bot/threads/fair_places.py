"""A few places for costly work of this process, of which one person gets fewer than there are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class FairPlaces:
    """Places that are given away in turn. Whoever has theirs waits for themselves, in nobody's way."""

    def __init__(self, places: int, *, per_person: int = 1) -> None:
        self._places = asyncio.Semaphore(places)
        self._per_person = per_person
        self._people: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, person: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it inside the block."""
        own = self._people.get(person)
        if own is None:
            own = self._people[person] = asyncio.Semaphore(self._per_person)
        async with own, self._places:
            yield

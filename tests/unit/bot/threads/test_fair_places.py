"""Costly work has few places, and one person fewer."""

import asyncio

from bot.threads.fair_places import FairPlaces


class Work:
    def __init__(self, places: FairPlaces) -> None:
        self.places = places
        self.go_on = asyncio.Event()
        self.inside: list[str] = []
        self.most = 0

    async def do(self, person: str) -> None:
        async with self.places.place(person):
            self.inside.append(person)
            self.most = max(self.most, len(self.inside))
            await self.go_on.wait()
            self.inside.remove(person)


async def settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def test_a_crowd_of_one_person_leaves_a_place_to_another() -> None:
    work = Work(FairPlaces(2))
    tasks = [asyncio.create_task(work.do("ann")) for _ in range(12)]
    await settle()
    assert work.inside == ["ann"]
    tasks += [asyncio.create_task(work.do(person)) for person in ("bob", "cem")]
    await settle()
    assert work.inside == ["ann", "bob"]
    work.go_on.set()
    await asyncio.gather(*tasks)
    assert (work.inside, work.most) == ([], 2)


async def test_a_place_comes_back_when_its_holder_is_cut_off() -> None:
    work = Work(FairPlaces(1))
    first = asyncio.create_task(work.do("ann"))
    await settle()
    waits = asyncio.create_task(work.do("ann"))
    second = asyncio.create_task(work.do("bob"))
    await settle()
    for task in (first, waits):
        task.cancel()
    await settle()
    assert work.inside == ["ann", "bob"]
    work.go_on.set()
    await second
    await asyncio.gather(first, waits, return_exceptions=True)

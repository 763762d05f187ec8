"""How members of the fleet die: at any moment of their lives, alone or together, and while they are leaving."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.crash.fleet import Member

LIFE_S, LIFE_MAX_S = 0.8, 4.0
STARTING, STARTING_S = 0.25, 0.6
LEAVES_FOR_S = 1.2
OVER_HTTP = 0.7
TAIL = 1500


@dataclass
class Deaths:
    """`died` is told of every death, before the successor is born. `may_fall` says whether ending alone is excused."""

    members: Sequence[Member]
    chance: random.Random
    died: Callable[[Member], Awaitable[None]]
    kills: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    fell: list[str] = field(default_factory=list)
    """Who ended without being told to, with its last words."""
    excused_until_s: float = 0.0
    """Until then a start may fail, because its database connection was cut."""
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)
    _watching: set[asyncio.Task[bool]] = field(default_factory=set)

    def begin(self) -> None:
        """Bring everybody to life."""
        for member in self.members:
            self._born(member)

    async def strike(self) -> None:
        """Wait for a moment, then end one member or several."""
        victims = [await self._next()]
        if len(self.members) > 1 and self.chance.random() < 0.15:
            more = [member for member in self.members if member is not victims[0] and not member.is_away]
            victims += self.chance.sample(more, self.chance.randint(0, len(more)))
            self.ways["together"] += len(victims)
        for victim in victims:
            victim.is_away = True
        await asyncio.gather(*(self._end(victim) for victim in victims))

    async def calm(self) -> None:
        """Let the last ones leave that were told to, and see everybody well."""
        await asyncio.gather(*self._leaving)
        for member in self.members:
            while not await member.ready():
                await self._fallen(member)

    async def _next(self) -> Member:
        """The next to die. It may be starting still; mostly it has worked for a moment."""
        here = [member for member in self.members if not member.is_away]
        if not here:
            await asyncio.wait(self._leaving, return_when=asyncio.FIRST_COMPLETED)
            return await self._next()
        for member in here:
            if member.process.poll() is not None:
                await self._fallen(member)
        victim = self.chance.choice(here)
        if self.chance.random() < STARTING:
            await asyncio.sleep(STARTING_S * self.chance.random())
            return victim
        while not await victim.ready():
            await self._fallen(victim)
        # Where starts are slow everything is: a life must stay long enough for some work.
        life_s = max([LIFE_S, *victim.starts_s[-1:]])
        await asyncio.sleep(min(self.chance.expovariate(1 / life_s), LIFE_MAX_S))
        return victim

    async def _end(self, victim: Member) -> None:
        way = self.chance.choices((self._kill, self._kill_leaving, self._leave_at_once, self._leave), (76, 12, 8, 4))[0]
        self.ways[way.__name__.strip("_")] += 1
        if way != self._leave or len(self.members) == 1:
            await way(victim)
            await self._buried(victim)
            return
        # A rolling deploy: the others go on, and are killed, meanwhile.
        leaving = asyncio.create_task(self._leave_and_return(victim), name=f"leaving {victim.role}")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _leave_and_return(self, victim: Member) -> None:
        await self._leave(victim)
        await self._buried(victim)

    async def _kill(self, victim: Member) -> None:
        """SIGKILL."""
        victim.kill()
        self.kills += 1

    async def _kill_leaving(self, victim: Member) -> None:
        """SIGTERM, and SIGKILL while it drains."""
        victim.ask_to_leave()
        if not await victim.left(LEAVES_FOR_S * self.chance.random()):
            victim.kill()
            self.kills += 1

    async def _leave_at_once(self, victim: Member) -> None:
        """Two SIGTERMs: the second one means at once."""
        victim.ask_to_leave()
        if not await victim.left(LEAVES_FOR_S / 4 * self.chance.random()):
            victim.ask_to_leave()
            if not await victim.left():
                self.fell.append(f"{victim.role} did not leave at once: {victim.said()[-TAIL:].decode()}")
                victim.kill()
            self.kills += 1

    async def _leave(self, victim: Member) -> None:
        """SIGTERM, as a deploy does."""
        victim.ask_to_leave()
        if not await victim.left():
            self.fell.append(f"{victim.role} did not leave: {victim.said()[-TAIL:].decode()}")
            victim.kill()

    async def _fallen(self, member: Member) -> None:
        """It ended and nobody had told it to."""
        if time.monotonic() > self.excused_until_s:
            last = member.said()[-TAIL:].decode(errors="replace")
            self.fell.append(f"{member.role} ended with {member.process.poll()}: {last}")
        self.ways["fell"] += 1
        await self._buried(member)

    async def _buried(self, member: Member) -> None:
        await self.died(member)
        self._born(member)
        member.is_away = False

    def _born(self, member: Member) -> None:
        member.start(over_http=self.chance.random() < OVER_HTTP)
        # How long starts take is told as the storm goes on, whoever waits for this one.
        watching = asyncio.create_task(member.ready(), name=f"start of {member.role}")
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

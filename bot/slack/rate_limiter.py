"""Client-side rate limits (GCRA): a bucket per channel and per method; calls wait in turn instead of being refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakValueDictionary

import structlog

from bot.slack.turns import Rank, Turns
from patterns.core.errors import StorageError
from patterns.core.ports import Clock
from storage.database.statements import Work

log = structlog.get_logger()

BOTH = 2
"""Keys of a call that counts for its channel and for its method; others have one, or none."""
_KEPT = 1_000
"""Number of buckets remembered before idle ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of calls per minute, with `burst` of them at once."""

    per_minute: float
    burst: int

    @property
    def interval_s(self) -> float:
        """Return the seconds between two calls in the long run."""
        return 60 / self.per_minute

    @property
    def allowance_s(self) -> float:
        """Return how many seconds calls may run ahead of schedule in a burst."""
        return (self.burst - 1) * self.interval_s


POSTS = Rate(per_minute=60, burst=3)
"""Messages to one channel: about one a second, short bursts."""
TIERS = {
    "chat.postMessage": Rate(per_minute=300, burst=30),
    "chat.update": Rate(per_minute=50, burst=10),
    "chat.startStream": Rate(per_minute=20, burst=5),
    "chat.appendStream": Rate(per_minute=100, burst=10),
    "chat.stopStream": Rate(per_minute=20, burst=5),
    "agents.sessions.setStatus": Rate(per_minute=50, burst=10),
    "chat.postEphemeral": Rate(per_minute=100, burst=10),
    "chat.delete": Rate(per_minute=50, burst=10),
    "conversations.history": Rate(per_minute=50, burst=10),
    "conversations.replies": Rate(per_minute=50, burst=10),
    "conversations.open": Rate(per_minute=50, burst=10),
    "assistant.search.context": Rate(per_minute=10, burst=5),
    "users.info": Rate(per_minute=100, burst=20),
    "views.publish": Rate(per_minute=100, burst=20),
}
"""Slack's tiers per method and workspace, with our share of burst. Methods without an entry are not limited."""


class Slots(Protocol):
    """A GCRA schedule per key, in microseconds. A slot is taken at its time, so a waiter that dies leaves no gap."""

    async def take(self, key: str, *, interval_us: int, allowance_us: int) -> int:
        """Take the slot of a key; return 0, or the microseconds until one is free."""
        ...

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Hand out no slot for `for_us` microseconds, and afterwards as if each key's burst were used up."""
        ...


class SharedSlots(Slots, Protocol):
    """A schedule in a database: a call that counts under two keys takes both in one trip, or beside another write."""

    async def take_both(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> int:
        """Take a slot, and where it is free another; return how many were taken."""
        ...

    def taking_both(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> Work[int]:
        """Take two slots as `take_both` does, at the end of a transaction."""
        ...


@dataclass(slots=True)
class Turn:
    """The turn of one call: how many of its slots are `taken`, and the script that takes them beforehand, if any."""

    taken: int = 0
    taking: Callable[[], Work[None]] | None = None


@dataclass(slots=True)
class LocalSlots:
    """The schedule of a single process, or of one that cannot reach the shared one."""

    clock: Clock
    _due_us: dict[str, int] = field(default_factory=dict)

    async def take(self, key: str, *, interval_us: int, allowance_us: int) -> int:
        """Take the slot of a key; return 0, or the microseconds until one is free."""
        now_us = _us(self.clock.monotonic())
        due_us = max(self._due_us.get(key, now_us), now_us)
        if due_us > now_us + allowance_us:
            return due_us - now_us - allowance_us
        self._due_us[key] = due_us + interval_us
        if len(self._due_us) > _KEPT:
            self._due_us = {key: at_us for key, at_us in self._due_us.items() if at_us > now_us}
        return 0

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Hand out no slot for `for_us` microseconds, and afterwards as if each key's burst were used up."""
        until_us = _us(self.clock.monotonic()) + for_us
        for key, allowance_us in allowances_us.items():
            self._due_us[key] = max(self._due_us.get(key, 0), until_us + allowance_us)


class RateLimiter:
    """Lets the calls of a workspace leave in turn. `shared` are the slots of all processes of that workspace.

    While the shared slots cannot be reached, this process limits itself alone: a refusal by Slack is better than
    silence. Of all local waiters only the first asks for a slot of a key.
    """

    def __init__(self, clock: Clock, *, workspace: str = "", shared: SharedSlots | None = None) -> None:
        self._clock = clock
        self._workspace = workspace
        self._alone = LocalSlots(clock)
        self._shared = shared
        self._turns: WeakValueDictionary[str, Turns] = WeakValueDictionary()

    def turn(self, rates: Mapping[str, Rate]) -> Turn:
        """Return a turn whose slots can be taken with a write that comes before the call anyway, then waited for."""
        named, turn = self._named(rates), Turn()
        shared = self._shared
        if shared is not None and len(named) == BOTH and not any(map(self._has_waiters, named)):

            def taking() -> Work[None]:
                turn.taken = yield from shared.taking_both(*_slots(named))

            turn.taking = taking
        return turn

    async def wait(self, rates: Mapping[str, Rate], *, rank: Rank = Rank.USUAL, turn: Turn | None = None) -> None:
        """Wait until a call that counts under all these keys may leave. The narrowest key comes first.

        A call that waits for its channel's turn must not block the workspace's turn for other channels. What was taken
        of its `turn` is not taken again.
        """
        named = self._named(rates)
        taken = turn.taken if turn is not None else 0
        if not taken and not any(map(self._has_waiters, named)):
            taken = await self._take_both(named)
        for key, rate in list(named.items())[taken:]:
            turns = self._turns.setdefault(key, Turns())
            async with turns.turn(rank):
                await self._wait(key, rate)

    async def take_spare(self, rates: Mapping[str, Rate]) -> bool:
        """Return True when an optional call may leave now: half of the burst is reserved for calls that matter."""
        if self.is_waited_for(rates):
            return False
        for key, rate in self._named(rates).items():
            if await self._take(key, rate, allowance_s=rate.allowance_s / 2):
                return False
        return True

    def is_waited_for(self, rates: Mapping[str, Rate]) -> bool:
        """Return whether calls of this process that count under one of these keys wait for their turn."""
        return any(map(self._has_waiters, self._named(rates)))

    async def hold_back(self, rates: Mapping[str, Rate], seconds: float) -> None:
        """Obey Slack's Retry-After: nothing under these keys leaves sooner, from any process."""
        allowances_us = {key: _us(rate.allowance_s) for key, rate in self._named(rates).items()}
        await self._alone.hold_back(allowances_us, for_us=_us(seconds))
        if self._shared is not None:
            try:
                await self._shared.hold_back(allowances_us, for_us=_us(seconds))
            except StorageError as error:
                self._log_alone(error)

    async def _wait(self, key: str, rate: Rate) -> None:
        # Asked again after each sleep: another process may have been quicker, or Slack may have said to wait.
        while wait_us := await self._take(key, rate, allowance_s=rate.allowance_s):
            await self._clock.sleep(wait_us / 1e6)

    def _has_waiters(self, key: str) -> bool:
        turn = self._turns.get(key)
        return turn is not None and turn.locked()

    async def _take_both(self, named: Mapping[str, Rate]) -> int:
        """Take the slots of two keys that are free, in one trip to the shared schedule; return how many were taken."""
        if self._shared is None or len(named) != BOTH:  # one is taken where it is waited for
            return 0
        try:
            return await self._shared.take_both(*_slots(named))
        except StorageError as error:
            self._log_alone(error)
            return 0

    async def _take(self, key: str, rate: Rate, *, allowance_s: float) -> int:
        """Take a slot from the shared schedule, else from the local one; see Slots."""
        how = {"interval_us": _us(rate.interval_s), "allowance_us": _us(allowance_s)}
        if self._shared is not None:
            try:
                return await self._shared.take(key, **how)
            except StorageError as error:
                self._log_alone(error)
        return await self._alone.take(key, **how)

    def _named(self, rates: Mapping[str, Rate]) -> dict[str, Rate]:
        return {f"{self._workspace}/{key}": rate for key, rate in rates.items()}

    def _log_alone(self, error: StorageError) -> None:
        log.warning("rate_limit_not_shared", workspace=self._workspace, reason=str(error))


def _slots(named: Mapping[str, Rate]) -> list[dict[str, Any]]:
    return [
        {"key": key, "interval_us": _us(rate.interval_s), "allowance_us": _us(rate.allowance_s)}
        for key, rate in named.items()
    ]


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)

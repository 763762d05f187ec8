"""How fast we may talk to Slack: a bucket for each channel and method, waiting in turn instead of being refused."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from patterns.core.errors import StorageError
from patterns.core.ports import Clock

log = structlog.get_logger()

_KEPT = 1_000
"""Buckets remembered before idle ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a minute, and as many at once as `burst`."""

    per_minute: float
    burst: int

    @property
    def interval_s(self) -> float:
        """Seconds between two calls in the long run."""
        return 60 / self.per_minute

    @property
    def allowance_s(self) -> float:
        """How far calls may run ahead of that, in a burst."""
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
    "users.info": Rate(per_minute=100, burst=20),
    "views.publish": Rate(per_minute=100, burst=20),
}
"""Slack's tiers per method and workspace, with our share of burst. Methods that are not named are not slowed."""


class Slots(Protocol):
    """A schedule per key, in microseconds. Nobody owns a slot before its time: who dies waiting leaves no gap."""

    async def take(self, key: str, *, interval_us: int, allowance_us: int) -> int:
        """Take the slot that is free under a key: 0; or how many microseconds there will be none."""
        ...

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Hand out nothing for so long, and afterwards as if each key's burst were used up."""
        ...


@dataclass(slots=True)
class LocalSlots:
    """The schedule of a process that is alone, or cannot ask the others."""

    clock: Clock
    _due_us: dict[str, int] = field(default_factory=dict)

    async def take(self, key: str, *, interval_us: int, allowance_us: int) -> int:
        """Take the slot that is free under a key: 0; or how many microseconds there will be none."""
        now_us = _us(self.clock.monotonic())
        due_us = max(self._due_us.get(key, now_us), now_us)
        if due_us > now_us + allowance_us:
            return due_us - now_us - allowance_us
        self._due_us[key] = due_us + interval_us
        if len(self._due_us) > _KEPT:
            self._due_us = {key: at_us for key, at_us in self._due_us.items() if at_us > now_us}
        return 0

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Hand out nothing for so long, and afterwards as if each key's burst were used up."""
        until_us = _us(self.clock.monotonic()) + for_us
        for key, allowance_us in allowances_us.items():
            self._due_us[key] = max(self._due_us.get(key, 0), until_us + allowance_us)


class Pacer:
    """Lets the calls of a workspace leave in turn. `shared` are the slots of all processes that talk to it.

    While those cannot be asked, this process paces itself alone: a refusal by Slack is better than silence. Of all that
    wait in it only the first asks for a slot under a key.
    """

    def __init__(self, clock: Clock, *, workspace: str = "", shared: Slots | None = None) -> None:
        self._clock = clock
        self._workspace = workspace
        self._alone = LocalSlots(clock)
        self._shared = shared
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def wait(self, rates: Mapping[str, Rate]) -> None:
        """Return when a call that counts under all these keys may leave. The narrowest key comes first.

        Whoever waits for a channel's turn must not keep other channels from the turn of all.
        """
        for key, rate in self._named(rates).items():
            turn = self._turns.setdefault(key, asyncio.Lock())
            async with turn:
                await self._wait(key, rate)

    async def take_spare(self, rates: Mapping[str, Rate]) -> bool:
        """Whether a call nobody would miss may leave at once: half of the burst is kept for those that matter."""
        for key, rate in self._named(rates).items():
            if await self._take(key, rate, allowance_s=rate.allowance_s / 2):
                return False
        return True

    async def hold_back(self, rates: Mapping[str, Rate], seconds: float) -> None:
        """Slack said to wait: nothing under these keys leaves sooner, from whichever process."""
        allowances_us = {key: _us(rate.allowance_s) for key, rate in self._named(rates).items()}
        await self._alone.hold_back(allowances_us, for_us=_us(seconds))
        if self._shared is not None:
            try:
                await self._shared.hold_back(allowances_us, for_us=_us(seconds))
            except StorageError as error:
                self._log_alone(error)

    async def _wait(self, key: str, rate: Rate) -> None:
        # Asked again after each sleep: another process was quicker, or Slack said to wait meanwhile.
        while wait_us := await self._take(key, rate, allowance_s=rate.allowance_s):
            await self._clock.sleep(wait_us / 1e6)

    async def _take(self, key: str, rate: Rate, *, allowance_s: float) -> int:
        """See Slots."""
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
        log.warning("pacing_alone", workspace=self._workspace, reason=str(error))


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)

"""How fast we may talk to Slack: a bucket for each channel and method, waiting in turn instead of being refused."""

from dataclasses import dataclass, field

from patterns.ports import Clock

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


@dataclass(slots=True)
class Pacer:
    """Virtual schedule per key: each call books the next free slot at once, then sleeps until it comes.

    Booking does not wait, so calls leave in the order they came and no lock is needed.
    """

    clock: Clock
    _due: dict[str, float] = field(default_factory=dict)

    async def wait(self, key: str, rate: Rate) -> None:
        """Return when a call under this key may leave."""
        now = self.clock.monotonic()
        due = max(self._due.get(key, now), now) + rate.interval_s
        self._due[key] = due
        if len(self._due) > _KEPT:
            self._due = {name: at for name, at in self._due.items() if at > now}
        if (ahead_s := due - now - rate.burst * rate.interval_s) > 0:
            await self.clock.sleep(ahead_s)

    def hold_back(self, key: str, seconds: float, rate: Rate) -> None:
        """Slack said to wait: nothing under this key leaves sooner."""
        full = self.clock.monotonic() + seconds + (rate.burst - 1) * rate.interval_s
        self._due[key] = max(self._due.get(key, 0.0), full)

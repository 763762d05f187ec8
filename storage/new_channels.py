"""Channels that nobody enabled yet: they begin with a small limit, or none at all, until an admin enables them.

The limit is the channel's own, so the ledger, and every program that reads it, holds the channel to it. Beside it the
settings remember what the limit is for; an admin who sets another one has thereby decided.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("new_channels")
channels = load("channels")

OPENING = "opening"
"""The key of a channel's settings under which its opening is kept."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a channel began that nobody enabled yet, with the monthly limit it has until then, in nano-dollars."""

    state: Literal["off", "trial"]
    limit_nusd: int


def opening_of(settings: Mapping[str, Any], limit_nusd: int | None) -> Opening | None:
    """Return the opening in a channel's settings; None where there is none, or an admin has set another limit."""
    kept = settings.get(OPENING)
    return Opening(**kept) if kept and kept["limit_nusd"] == limit_nusd else None


class NewChannels:
    """Openings of channels, by workspace and channel."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def first_seen(self, workspace: str, channel: str, opening: Opening | None) -> None:
        """Open a channel that was never seen before, fully where `opening` is None; a known one keeps what it has."""

        def work() -> Work[None]:
            if (yield q.find(workspace=workspace, channel=channel)):
                return
            is_known = bool((yield q.any_run(workspace=workspace, channel=channel)))
            begins = None if is_known else opening
            yield q.open_channel(
                workspace=workspace,
                channel=channel,
                limit_nusd=begins.limit_nusd if begins else None,
                settings_json=json.dumps({OPENING: asdict(begins)} if begins else {}),
            )

        await self._db.write(work)

    async def has_row(self, workspace: str, channel: str) -> bool:
        """Return whether a channel was opened, in whatever way."""
        return bool(await self._db.read(lambda: single(q.find(workspace=workspace, channel=channel))))

    async def find(self, workspace: str, channel: str) -> Opening | None:
        """Return how a channel began; None when it is enabled, or never was anything else."""
        rows = await self._db.read(lambda: single(q.find(workspace=workspace, channel=channel)))
        return opening_of(json.loads(rows[0]["settings_json"]), rows[0]["limit_nusd"]) if rows else None

    async def is_known(self, workspace: str, channel: str) -> bool:
        """Return whether anything was ever asked, set or spent in a channel."""
        runs = await self._db.read(lambda: single(q.any_run(workspace=workspace, channel=channel)))
        return bool(runs) or await self.has_row(workspace, channel)

    async def enable(self, workspace: str, channel: str, *, actor: str) -> bool:
        """Give a channel the usual limit, with an entry in the audit log; False when it was enabled already."""

        def work() -> Work[bool]:
            rows = yield q.lock(workspace=workspace, channel=channel)
            settings = json.loads(rows[0]["settings_json"]) if rows else {}
            if not rows or opening_of(settings, rows[0]["limit_nusd"]) is None:
                return False
            before = {OPENING: settings.pop(OPENING)["state"]}
            yield q.save(workspace=workspace, channel=channel, limit_nusd=None, settings_json=json.dumps(settings))
            yield channels.insert_audit(
                id=secrets.token_hex(8),
                now_us=self._clock.now_us(),
                workspace=workspace,
                actor=actor,
                action="enable channel",
                account=channel,
                before_json=json.dumps(before),
                after_json=json.dumps({OPENING: "on"}),
            )
            return True

        return await self._db.write(work)

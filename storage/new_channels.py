"""Provisional limits of channels that no admin has enabled yet: a small one, or zero.

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
"""Key of the channel's settings under which the provisional limit is stored."""


@dataclass(frozen=True, slots=True)
class ProvisionalLimit:
    """Monthly limit in nano-dollars of a channel until an admin enables it; `off` allows nothing."""

    state: Literal["off", "trial"]
    limit_nusd: int


def provisional_limit_of(settings: Mapping[str, Any], limit_nusd: int | None) -> ProvisionalLimit | None:
    """Return the provisional limit in a channel's settings; None without one, or if an admin has set another limit."""
    kept = settings.get(OPENING)
    return ProvisionalLimit(**kept) if kept and kept["limit_nusd"] == limit_nusd else None


class NewChannels:
    """Repository of provisional limits, by workspace and channel."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def register(self, workspace: str, channel: str, opening: ProvisionalLimit | None) -> None:
        """Register a channel on first contact, with its provisional limit if it has one; a known one stays as it is."""

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
        """Return whether a channel has a row."""
        return bool(await self._db.read(lambda: single(q.find(workspace=workspace, channel=channel))))

    async def find(self, workspace: str, channel: str) -> ProvisionalLimit | None:
        """Return the provisional limit of a channel; None when it is enabled."""
        rows = await self._db.read(lambda: single(q.find(workspace=workspace, channel=channel)))
        return provisional_limit_of(json.loads(rows[0]["settings_json"]), rows[0]["limit_nusd"]) if rows else None

    async def is_known(self, workspace: str, channel: str) -> bool:
        """Return whether anything was ever asked, set or spent in a channel."""
        runs = await self._db.read(lambda: single(q.any_run(workspace=workspace, channel=channel)))
        return bool(runs) or await self.has_row(workspace, channel)

    async def enable(self, workspace: str, channel: str, *, actor: str) -> bool:
        """Give a channel the usual limit, with an entry in the audit log; False when it was enabled already."""

        def work() -> Work[bool]:
            rows = yield q.lock(workspace=workspace, channel=channel)
            settings = json.loads(rows[0]["settings_json"]) if rows else {}
            if not rows or provisional_limit_of(settings, rows[0]["limit_nusd"]) is None:
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

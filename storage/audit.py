"""The audit log: who did what to money, limits, access, decisions and people's words. Append-only, by triggers too."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Statement, load, single

q = load("audit")


def entry(  # noqa: PLR0913 - the columns of a row
    now_us: int,
    workspace: str,
    *,
    actor: str,
    action: str,
    subject: str,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Statement:
    """Return the statement that writes one line, for the transaction that does the thing itself."""
    return q.insert_entry(
        id=secrets.token_hex(8),
        now_us=now_us,
        workspace=workspace,
        actor=actor,
        action=action,
        subject=subject,
        after_json=json.dumps(dict(after or {})),
        reason=reason,
    )


class AuditLog:
    """Writes single lines, and reads all of them for whoever takes the log away."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def note(
        self, workspace: str, *, actor: str, action: str, subject: str, after: Mapping[str, Any] | None = None
    ) -> None:
        """Write a line of its own."""
        made = entry(self._clock.now_us(), workspace, actor=actor, action=action, subject=subject, after=after)
        await self._db.write(lambda: single(made))

    async def since(self, since_us: int, *, workspace: str = "") -> list[Row]:
        """Return every line from that time on, oldest first; of all workspaces when none is named."""
        return await self._db.read(lambda: single(q.entries_since(since_us=since_us, workspace=workspace)))

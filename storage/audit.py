"""Audit log of changes to money, limits, access, decisions and stored texts; triggers keep it append-only."""

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
    """Return the statement that appends one entry, for the transaction that makes the change itself."""
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
    """Append single entries to the audit log, and read it for export."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def record(
        self, workspace: str, *, actor: str, action: str, subject: str, after: Mapping[str, Any] | None = None
    ) -> None:
        """Append an entry in a transaction of its own."""
        made = entry(self._clock.now_us(), workspace, actor=actor, action=action, subject=subject, after=after)
        await self._db.write(lambda: single(made))

    async def entries_since(self, since_us: int, *, workspace: str = "") -> list[Row]:
        """Return every entry from that time on, oldest first; of all workspaces when none is named."""
        return await self._db.read(lambda: single(q.entries_since(since_us=since_us, workspace=workspace)))

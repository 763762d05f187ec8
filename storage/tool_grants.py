"""Standing approvals of tools: given by an admin for one channel and one description of a tool, until they expire."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from patterns.core.ports import Clock
from patterns.core.tools import Grant
from storage.audit import entry
from storage.database.database import Database
from storage.database.statements import Row, Work, load

q = load("tool_grants")

GRANT_S = 30 * 86_400
"""How long a standing approval holds, in seconds."""


@dataclass(frozen=True, slots=True)
class StandingGrant:
    """A standing approval with its time, in microseconds."""

    grant: Grant
    given_us: int
    expires_us: int


class ToolGrants:
    """Repository of standing approvals. Everything that changes one is in the audit log."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def give(self, tools: Iterable[tuple[str, str]], *, workspace: str, channel: str, by: str) -> None:
        """Approve tools in a channel for `GRANT_S`, each with the hash of the description that was approved."""
        now_us = self._clock.now_us()
        expires_us = now_us + GRANT_S * 1_000_000
        chosen = sorted(set(tools))

        def work() -> Work[None]:
            yield q.delete_expired(now_us=now_us)
            for tool, schema_hash in chosen:
                yield q.give(
                    id=secrets.token_hex(8),
                    workspace=workspace,
                    channel=channel,
                    tool=tool,
                    schema_hash=schema_hash,
                    given_by=by,
                    now_us=now_us,
                    expires_us=expires_us,
                )
                after = {"tool": tool, "expires_us": expires_us}
                yield entry(now_us, workspace, actor=by, action="grant tool", subject=channel, after=after)

        await self._db.write(work)

    async def standing(self, *, workspace: str, channel: str) -> list[StandingGrant]:
        """Return the approvals in force in a channel, by tool."""

        def work() -> Work[list[Row]]:
            return (yield q.standing(workspace=workspace, channel=channel, now_us=self._clock.now_us()))

        return [_standing(row) for row in await self._db.read(work)]

    async def revoke(self, grant_id: str, *, workspace: str, channel: str, by: str) -> StandingGrant | None:
        """Take an approval back and return it; None where it is not in force there any more."""
        now_us = self._clock.now_us()

        def work() -> Work[list[Row]]:
            revoked = yield q.revoke(workspace=workspace, channel=channel, id=grant_id)
            for row in revoked:
                after = {"tool": row["tool"]}
                yield entry(now_us, workspace, actor=by, action="revoke tool", subject=channel, after=after)
            return revoked

        return next((_standing(row) for row in await self._db.write(work)), None)


def _standing(row: Row) -> StandingGrant:
    grant = Grant(row["id"], row["tool"], row["schema_hash"], row["given_by"])
    return StandingGrant(grant, row["given_us"], row["expires_us"])

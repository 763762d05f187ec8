"""What people chose for themselves, by workspace and person; what nobody chose is as it is by default."""

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import load, single

q = load("preferences")

_MENTION, _ON, _OFF = "mention_when_ready", "on", "off"


class Preferences:
    """One switch so far: whether a person who waited is mentioned once, where nothing else notifies them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def is_mentioned(self, workspace: str, user: str) -> bool:
        """Return whether a person wants to be mentioned when an answer took long; True by default."""
        statement = q.find(workspace=workspace, user_id=user, name=_MENTION)
        rows = await self._db.read(lambda: single(statement))
        return not rows or rows[0]["value"] != _OFF

    async def set_mentioned(self, workspace: str, user: str, *, is_on: bool) -> None:
        """Set whether a person is mentioned when an answer took long."""
        value, now_us = _ON if is_on else _OFF, self._clock.now_us()
        statement = q.save(workspace=workspace, user_id=user, name=_MENTION, value=value, now_us=now_us)
        await self._db.write(lambda: single(statement))

"""OAuth `state` values of installs under way, in the database, so that any web process can take any step of one."""

import secrets

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("oauth_states")

STATE_TTL_S = 600
"""How long a person may take between the start of an install and Slack's redirect."""


class OAuthStates:
    """One-time values that tie Slack's redirect to the browser that began an install; valid for `STATE_TTL_S`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def issue(self) -> str:
        """Store and return a new state."""
        state, now_us = secrets.token_urlsafe(32), self._clock.now_us()

        def work() -> Work[str]:
            yield q.drop_old_states(now_us=now_us)
            yield q.issue_state(state=state, expires_us=now_us + STATE_TTL_S * 1_000_000)
            return state

        return await self._db.write(work)

    async def consume(self, state: str) -> bool:
        """Delete a state and return whether it was issued here, unused and not expired."""
        rows = await self._db.write(lambda: single(q.consume_state(state=state)))
        return bool(rows) and rows[0]["expires_us"] > self._clock.now_us()

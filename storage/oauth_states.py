"""What ties an install's steps together, so that any web process can take any of them."""

import secrets

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("oauth_states")

STATE_TTL_S = 600
"""How long somebody may take between the start of an install and Slack's word that it is allowed."""


class OAuthStates:
    """What ties Slack's answer to the browser that began an install: short-lived and good once, in any process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def issue(self) -> str:
        """A new state."""
        state, now_us = secrets.token_urlsafe(32), self._clock.now_us()

        def work() -> Work[str]:
            yield q.drop_old_states(now_us=now_us)
            yield q.issue_state(state=state, expires_us=now_us + STATE_TTL_S * 1_000_000)
            return state

        return await self._db.write(work)

    async def consume(self, state: str) -> bool:
        """Whether it was issued, not too long ago, and never used."""
        rows = await self._db.write(lambda: single(q.consume_state(state=state)))
        return bool(rows) and rows[0]["expires_us"] > self._clock.now_us()

"""OAuth `state` values of installs under way: signed, so that opening the install page writes nothing.

Only a state that came back from Slack is remembered, until it is too old to be used again. Any web process can take
any step of an install.
"""

import hashlib
import secrets
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Work, load

q = load("oauth_states")

STATE_TTL_S = 600
"""Seconds a person may take between the start of an install and Slack's redirect."""
USED_MAX = 10_000
"""Used states remembered at most, the newest: a second use takes Slack's one-time code and the cookie anyway."""
_PURPOSE = b"oauth state "


class OAuthStates:
    """One-time OAuth `state` values that tie Slack's redirect to the browser of an install; valid for `STATE_TTL_S`.

    `keys` are those of AGENTS_TOKEN_KEYS: the first signs, all of them verify.
    """

    def __init__(self, db: Database, clock: Clock, keys: Sequence[str]) -> None:
        self._db = db
        self._clock = clock
        self._keys = MultiFernet([Fernet(key) for key in keys])

    async def issue(self) -> str:
        """Return a new state; nothing is stored."""
        return self._keys.encrypt_at_time(_PURPOSE + secrets.token_bytes(16), self._now_s()).decode()

    async def consume(self, state: str) -> bool:
        """Return whether it was issued, not too long ago, and is used for the first time."""
        try:
            said = self._keys.decrypt_at_time(state.encode(), STATE_TTL_S, self._now_s())
        except InvalidToken:
            return False
        if not said.startswith(_PURPOSE):
            return False
        used = hashlib.sha256(state.encode()).hexdigest()
        now_us = self._clock.now_us()

        def work() -> Work[list[Row]]:
            yield q.drop_old_states(now_us=now_us)
            fresh = yield q.use_state(state=used, expires_us=now_us + STATE_TTL_S * 1_000_000)
            yield q.drop_surplus_states(most=USED_MAX)
            return fresh

        return bool(await self._db.write(work))

    def _now_s(self) -> int:
        return self._clock.now_us() // 1_000_000

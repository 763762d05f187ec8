"""Transactional inbox: deliveries from Slack, stored under an idempotency key before they are acknowledged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("inbox")
tokens = load("action_tokens")


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """A stored payload that has not been processed."""

    key: str
    workspace: str
    kind: str
    payload: dict[str, Any]
    received_us: int


class Inbox:
    """Repository of deliveries by idempotency key."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def store(
        self, key: str, workspace: str, kind: str, payload: Mapping[str, Any], *, action_token: str = ""
    ) -> bool:
        """Store a delivery and return True; return False when its key was stored before.

        The key for searches that came with it is a text of its own, which goes with the run it opens.
        """
        now_us = self._clock.now_us()
        payload_json = json.dumps(dict(payload))

        def work() -> Work[bool]:
            stored = yield q.store_delivery(
                key=key, workspace=workspace, kind=kind, payload_json=payload_json, now_us=now_us
            )
            if stored and action_token:
                yield tokens.store_action_token(key=key, workspace=workspace, token=action_token, now_us=now_us)
            return bool(stored)

        return await self._db.write(work)

    async def claim(self, delivery: StoredPayload) -> bool:
        """Claim a delivery for another attempt, received now, and return whether this process got it."""
        statement = q.claim_delivery(key=delivery.key, received_us=delivery.received_us, now_us=self._clock.now_us())
        return bool(await self._db.write(lambda: single(statement)))

    async def mark_processed(self, key: str, note: str = "") -> None:
        """Mark a delivery as processed."""
        now_us = self._clock.now_us()

        def work() -> Work[None]:
            yield q.finish_delivery(key=key, note=note, now_us=now_us)
            yield tokens.delete_action_token_without_run(key=key)

        await self._db.write(work, repeatable=True)

    async def find(self, key: str, *, workspace: str) -> dict[str, Any] | None:
        """Return the payload of a delivery of that workspace; None once deleted."""
        rows = await self._db.read(lambda: single(q.find_delivery(key=key, workspace=workspace)))
        return json.loads(rows[0]["payload_json"]) if rows else None

    async def unprocessed(self, *, older_than_s: float = 0.0, most: int = 1000) -> list[StoredPayload]:
        """Return the deliveries that were stored and not processed, oldest first, to be replayed."""
        before_us = self._clock.now_us() - int(older_than_s * 1e6) + 1
        rows = await self._db.read(lambda: single(q.open_deliveries(before_us=before_us, most=most)))
        return [
            StoredPayload(
                key=row["key"],
                workspace=row["workspace"],
                kind=row["kind"],
                payload=json.loads(row["payload_json"]),
                received_us=row["received_us"],
            )
            for row in rows
        ]

    async def delete_processed(self, *, before_us: int) -> None:
        """Delete processed deliveries received before that time; their payloads hold message text."""
        await self._db.write(lambda: single(q.delete_processed_deliveries(before_us=before_us)), alone=True)

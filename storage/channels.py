"""Channel settings chosen by admins: a small JSON object for each channel, with every change in the audit log."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("channels")


class ChannelSettings:
    """Repository of channel settings; a key that was never set is absent."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def find(self, *, workspace: str, channel: str) -> dict[str, Any]:
        """Return the settings of a channel; empty when none were set."""
        rows = await self._db.read(lambda: single(q.find_settings(workspace=workspace, channel=channel)))
        return json.loads(rows[0]["settings_json"]) if rows else {}

    async def save(self, changes: Mapping[str, Any], *, workspace: str, channel: str, actor: str) -> None:
        """Merge changes into the settings of a channel and record them in the audit log under `actor`."""
        await self.change(lambda _: changes, workspace=workspace, channel=channel, actor=actor)

    async def change(
        self,
        changes: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        *,
        workspace: str,
        channel: str,
        actor: str,
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Merge what `changes` says of the settings as they are into them; return them before and after.

        Nothing is recorded where it says nothing.
        """

        def work() -> Work[tuple[Mapping[str, Any], Mapping[str, Any]]]:
            yield q.open_settings(workspace=workspace, channel=channel)
            rows = yield q.lock_settings(workspace=workspace, channel=channel)
            before = json.loads(rows[0]["settings_json"])
            changed = changes(before)
            after = {**before, **changed}
            if changed:
                yield q.save_settings(workspace=workspace, channel=channel, settings_json=json.dumps(after))
                yield q.insert_audit(
                    id=secrets.token_hex(8),
                    now_us=self._clock.now_us(),
                    workspace=workspace,
                    actor=actor,
                    action="channel settings",
                    account=channel,
                    before_json=json.dumps(before),
                    after_json=json.dumps(after),
                )
            return before, after

        return await self._db.write(work)

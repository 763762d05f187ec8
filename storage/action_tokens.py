"""The keys with which Slack lets us search for somebody: one for a message that asked, gone with the end of its run."""

from storage.database.database import Database
from storage.database.statements import load, single

q = load("action_tokens")


class ActionTokens:
    """Reads the key of a run. It is stored with the delivery of its message, and deleted when the run ends."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_run(self, run_id: str) -> str:
        """Return the key that came with the message that a run answers; empty where there is none."""
        rows = await self._db.read(lambda: single(q.action_token_of_run(run_id=run_id)))
        return str(rows[0]["text"]) if rows else ""

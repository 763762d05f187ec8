"""The rosters under which open runs were accepted: a run continues with its own after an update."""

from collections.abc import Mapping

from bot.runs.model_selection import ModelChoice, apply_choice
from patterns.core.ports import FileReader
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import Roster, from_snapshot
from storage.runs import RunStore


class RosterSnapshots:
    """Reads each stored snapshot once; its client stays open until the process ends."""

    def __init__(
        self, store: RunStore, choice: ModelChoice | None, env: Mapping[str, str], files: FileReader | None = None
    ) -> None:
        self._store = store
        self._choice = choice
        self._env = env
        self._files = files
        self._read: dict[str, tuple[Roster, LiteLLMClient]] = {}
        self._read_back: dict[str, Roster] = {}

    async def of(self, roster_hash: str) -> tuple[Roster, LiteLLMClient]:
        """Return the roster of that hash, with its models chosen, and their client."""
        if roster_hash not in self._read:
            roster = await self._kept(roster_hash, is_read_back=False)
            self._read[roster_hash] = roster, LiteLLMClient(roster.models, self._env, self._files)
        return self._read[roster_hash]

    async def read_back(self, roster_hash: str) -> Roster:
        """Return the roster of that hash to be looked at, not run: how its servers are reached need not be set here."""
        if roster_hash not in self._read_back:
            self._read_back[roster_hash] = await self._kept(roster_hash, is_read_back=True)
        return self._read_back[roster_hash]

    async def _kept(self, roster_hash: str, *, is_read_back: bool) -> Roster:
        snapshot = await self._store.snapshot(roster_hash)
        roster = from_snapshot(snapshot, env=self._env, is_read_back=is_read_back)
        if self._choice is None:
            return roster
        return roster.with_models(apply_choice(roster.models, self._choice))

    async def close(self) -> None:
        """Close the connections of the snapshots' clients."""
        for _roster, client in self._read.values():
            await client.aclose()

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

    async def of(self, roster_hash: str) -> tuple[Roster, LiteLLMClient]:
        """Return the roster of that hash, with its models chosen, and their client."""
        if roster_hash not in self._read:
            roster = from_snapshot(await self._store.snapshot(roster_hash), env=self._env)
            if self._choice is not None:
                roster = roster.with_models(apply_choice(roster.models, self._choice))
            self._read[roster_hash] = roster, LiteLLMClient(roster.models, self._env, self._files)
        return self._read[roster_hash]

    async def close(self) -> None:
        """Close the connections of the snapshots' clients."""
        for _roster, client in self._read.values():
            await client.aclose()

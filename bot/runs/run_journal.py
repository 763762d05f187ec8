"""The journal of a run that this process owns, read once: only the owner of a run writes it."""

from collections.abc import Sequence
from typing import Self

from patterns.core.ports import Fence, StepRecord
from storage.journal import SqlJournal


class RunJournal:
    """The `Journal` port of one attempt at a run, over what was there when it began and what it decides itself.

    Paid steps that this attempt adds are not looked up again in it: each path is walked once.
    """

    def __init__(self, journal: SqlJournal, steps: Sequence[StepRecord]) -> None:
        self._journal = journal
        self._steps = {step.path: step for step in steps}

    @classmethod
    async def of(cls, journal: SqlJournal, run_id: str) -> Self:
        """Return the journal as it is now; call it once the run is claimed."""
        return cls(journal, await journal.steps(run_id))

    @property
    def steps(self) -> list[StepRecord]:
        """Return the steps of earlier attempts, and the decisions of this one."""
        return list(self._steps.values())

    async def find(self, run_id: str, path: str) -> StepRecord | None:  # noqa: ARG002 - the port's shape
        """Return the finished step of a path, or None."""
        return self._steps.get(path)

    async def record(self, fence: Fence, step: StepRecord) -> StepRecord:
        """Write a step that cost nothing and return the stored record.

        Raises:
            RunLostError: another process owns the run.
        """
        kept = self._steps[step.path] = await self._journal.record(fence, step)
        return kept

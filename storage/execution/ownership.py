"""Ownership of a run in few transactions: claimed with what it needs, decided with its holds, ended with its costs."""

from collections.abc import Collection, Sequence

from patterns.core.holds import Fence
from patterns.core.step_record import StepRecord
from storage.database.database import Database
from storage.database.statements import Work, beside, load
from storage.execution.session import RunSession
from storage.journal import SqlJournal
from storage.ledger.ledger import Recovered, SqlLedger
from storage.questions import Questions, StoredQuestion
from storage.run_rows import RunRow
from storage.runs import RunStore, ThreadBusyError

q = load("runs")
files = load("stored_files")
tokens = load("action_tokens")


class RunSessions:
    """Claims and ends runs. Each of both is one transaction."""

    def __init__(
        self, db: Database, *, store: RunStore, ledger: SqlLedger, journal: SqlJournal, questions: Questions
    ) -> None:
        self._db = db
        self.store = store
        self.ledger = ledger
        self.journal = journal
        self.questions = questions

    async def claim(self, run_id: str, *, owner: str, lease_s: float) -> RunSession | None:
        """Claim a run, close what its earlier owners left open, and read its journal and questions.

        Returns None where `RunStore.claim` does.
        """

        def work() -> Work[tuple[RunRow, Recovered, list[StepRecord], list[StoredQuestion]] | None]:
            run = yield from self.store.claiming(run_id, owner=owner, lease_s=lease_s)
            if run is None:
                return None
            # A first owner finds nothing.
            recovered = (yield from self.ledger.closing(run.fence)) if run.epoch > 1 else Recovered(0, 0, 0)
            steps, asked = yield from beside(self.journal.reading(run.id), self.questions.reading(run.id))
            return run, recovered, steps, asked

        try:
            claimed = await self._db.write(work)
        except ThreadBusyError:
            return None
        if claimed is None:
            return None
        run, recovered, steps, asked = claimed
        self.ledger.report(recovered, run_id=run.id, epoch=run.epoch)
        return RunSession(run, self.ledger, self.questions, steps=steps, asked=asked)

    async def park(self, fence: Fence, paths: Collection[str], *, executed_ms: int) -> bool:
        """Park a run until people decide the questions at these paths, and close what it left open.

        Returns False where one has been decided since the run looked: then it stays claimable instead.

        Raises:
            RunLostError: another process owns it.
        """

        def work() -> Work[tuple[bool, Recovered]]:
            waits = yield from self.questions.parking(fence.run_id, paths)
            yield from self.store.parking(fence, executed_ms=executed_ms, waits=waits)
            return waits, (yield from self.ledger.closing(Fence(fence.run_id, fence.epoch + 1)))

        waits, recovered = await self._db.write(work)
        self.ledger.report(recovered, run_id=fence.run_id)
        return waits

    async def finish(
        self, run: RunRow, *, stop_reason: str, result_json: str, executed_ms: int, intents: Sequence[str]
    ) -> str | None:
        """End a run: its result and cost, the intents of its messages, and whatever it left open.

        Returns the next run of its thread, if one waits.

        Raises:
            RunLostError: another process owns it.
        """

        def work() -> Work[tuple[str | None, Recovered]]:
            waiting = yield from self.store.finishing(
                run,
                result_json=result_json,
                intents=intents,
                stop_reason=stop_reason,
                cost_nusd=None,
                executed_ms=executed_ms,
            )
            recovered = yield from self.ledger.closing(Fence(run.id, run.epoch + 1))
            if recovered.uncertain:
                yield q.sum_cost(id=run.id)
            yield files.delete_unstarted(run_id=run.id)
            yield tokens.delete_action_token_of_run(run_id=run.id)
            return waiting, recovered

        waiting, recovered = await self._db.write(work)
        self.ledger.report(recovered, run_id=run.id)
        return waiting

"""The patterns over the real ledger and journal: what runs cost is what the accounts say, after deaths too."""

from dataclasses import replace

import pytest

from patterns.agent import AgentRunner
from patterns.core.errors import RunLostError
from patterns.core.holds import Charged, Fence, Hold, Settlement
from patterns.core.step_record import StepRecord
from patterns.flow import Choice, resolve, run_flow
from patterns.services import open_services
from storage.database.database import Database
from storage.execution.session import RunSession
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.runs import RunStore
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.support.ledgers import POLICY, Asking, FakeClock, account, execute, open_run, rows
from tests.support.pattern_runs import CTX, roster
from tests.unit.patterns.test_resume import sensible


class Dying(SqlLedger):
    """A ledger whose process dies after so many published steps."""

    lives = 1_000

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        if self.lives == 0:
            raise RunLostError
        self.lives -= 1
        return await super().settle(hold, charged, fence, step)


@pytest.mark.parametrize("flow", ["one", "pick", "chain", "fan", "listed", "team", "deep"])
async def test_accounts_say_what_the_run_cost(database: Database, flow: str) -> None:
    clock = FakeClock()
    ledger, journal = SqlLedger(database, clock, POLICY), SqlJournal(database, clock)
    store = RunStore(database, clock)
    asking = Asking(run_id="run1")
    await open_run(database, asking)
    model, people = ScriptedModel(sensible), Memory()
    lives = 1
    while True:
        process = Dying(database, clock, POLICY)
        process.lives = lives
        questions = Questions(database, clock)
        owned = await store.get("run1")
        assert owned is not None
        session = RunSession(owned, process, questions, steps=await journal.steps("run1"), asked=())
        services = open_services(
            runner=AgentRunner(model),
            ledger=session,
            journal=session,
            decisions=people,
            events=people,
            clock=clock,
            roster=roster(),
            payer=asking.payer,
            fence=asking.fence,
        )
        try:
            result = await run_flow(CTX, services, await resolve(CTX, services, Choice(flow)))
            break
        except RunLostError:
            lives += 1
            asking = replace(asking, epoch=asking.epoch + 1)
            await execute(database, "UPDATE run SET epoch = :epoch WHERE id = 'run1'", epoch=asking.epoch)
            await ledger.recover_run(asking.fence)
        finally:
            session.close()
            await process.close()
    await ledger.end_run(asking.fence)
    settled, held = await account(database, "T1/run/run1/")
    (sums,) = await rows(database, "SELECT COALESCE(SUM(actual_nusd), 0) AS actual FROM call WHERE run_id = 'run1'")
    assert (settled, held) == (sums["actual"], 0)
    paid = [step.path for step in await journal.steps("run1") if step.outcome != "decision"]
    assert len(paid) == len(set(paid)) == result.steps
    assert result.cost_nusd <= settled
    await ledger.close()

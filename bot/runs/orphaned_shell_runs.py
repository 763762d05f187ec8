"""Runs of killed shells: no process can resume them, but their holds must be settled."""

from bot.runs.engine import Engine
from bot.runs.outcome import RunOutcome
from patterns.core.events import PatternResult, StopReason
from patterns.core.reasons import Reason
from storage.history import History
from storage.run_rows import RunRow

LEASE_S = 30.0


async def end_lost_runs(engine: Engine, *, owner: str) -> None:
    """End runs of killed shells: open calls are settled in full as uncertain, the other holds released."""
    note = Reason.SHELL_ENDED.sentence()
    for run_id in await History(engine.db).orphaned_shell_runs(engine.clock.now_us()):
        run = await engine.store.claim(run_id, owner=owner, lease_s=LEASE_S)
        if run is not None:
            await engine.ledger.recover_run(run.fence)
            await finish(engine, run, PatternResult(output="", stop_reason=StopReason.FAILED, notes=(note,)))


async def finish(engine: Engine, run: RunRow, result: PatternResult) -> None:
    """Store the end of a run that this process owns."""
    await engine.store.finish(
        run,
        stop_reason=result.stop_reason.value,
        result_json=RunOutcome(result=result).model_dump_json(),
        cost_nusd=sum(row["cost_nusd"] for row in await engine.store.cost_by_model(run.id)),
        executed_ms=run.executed_ms,
        intents=(),
    )

"""How far a run is, as a client of the MCP server is told: from its row, its journal and its result."""

from dataclasses import dataclass

from bot.mcp_server.desk import GONE, LeftOut, State, Status, read_sources, state_of, usd
from bot.runs.engine import Engine, paid_steps
from bot.runs.outcome import RunOutcome
from bot.runs.tool_lines import would_call
from patterns.core.questions import Question
from storage.run_rows import RunRow

_QUESTIONS = {
    "approve": "A person has to approve the draft",
    "feedback": "A person may comment on the draft",
    "confirm": "A person has to agree to the price",
    "money": "The budget is used up; an admin can grant more",
    "line": "It waits for budget that other requests hold",
    "tool": "A person has to approve what a tool would do",
    "form": "A person has to answer what the server of a tool asks",
    "outcome": "A person has to say whether a tool did something",
}


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads the status of runs; `where` is where people decide, as a phrase."""

    engine: Engine
    where: str

    async def status(self, run: RunRow) -> Status:
        """Return how far a run is."""
        journal = await self.engine.journal.steps(run.id)
        money = await self.engine.store.cost_by_model(run.id)
        done = sum(step.outcome == "ok" for step in paid_steps(journal))
        status = Status(
            run_id=run.id,
            state=_unfinished(run),
            flow=run.flow,
            dry_run=run.is_dry,
            cost_usd=usd(sum(int(row["cost_nusd"]) for row in money)),
            seconds=run.executed_ms / 1000,
            steps_done=done,
        )
        if run.status != "done":
            asked = [one.question for one in await self.engine.questions.of_run(run.id) if one.decision is None]
            return status.model_copy(update={"question": " ".join(self._words(one) for one in asked)})
        kept = await self.engine.store.text(run.id, "result")
        if kept is None:
            return status.model_copy(update={"state": "stopped", "notes": (GONE,)})
        outcome = RunOutcome.model_validate_json(kept)
        result = outcome.result
        over = state_of(result.stop_reason, has_answer=bool(result.output), was_refused=bool(outcome.needed_nusd))
        missing = tuple(f"{voice.name}: {voice.reason}" for voice in result.missing)
        told = {"state": over, "answer": result.output, "notes": (*result.notes, *missing)}
        left_out = tuple(
            LeftOut(tool=one.tool, arguments=one.arguments, price_usd=usd(one.price_nusd))
            for one in would_call(journal)
        )
        return status.model_copy(update={**told, "sources": read_sources(journal), "would_call": left_out})

    def _words(self, question: Question) -> str:
        return f"{_QUESTIONS.get(question.kind, 'A person has to decide')} {self.where}."


def _unfinished(run: RunRow) -> State:
    if run.status == "parked":
        return "asking"
    return "waiting" if run.status == "accepted" and run.epoch == 0 else "working"

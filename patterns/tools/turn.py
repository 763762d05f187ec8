"""One turn of a step with tools: attempts as of every step, which end in calls, or in the answer."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from patterns.charges import charge_for_answer, paid, unusable_answer
from patterns.core.calls import Completion, Message, ModelRequest, PreparedCall
from patterns.core.holds import Hold
from patterns.core.step_record import StepRecord
from patterns.core.structured import InvalidOutputError, read
from patterns.core.tools import ToolSchema
from patterns.core.web_search import WebSearch
from patterns.services import join
from patterns.tools.paused import PausedSearch
from patterns.tools.transcript import Transcript, TurnSaid
from patterns.tools.web import queries_path


@dataclass
class Turn(PausedSearch):
    """The attempts of one turn. `tools` are offered; without any it is the closing turn, which answers.

    Only the closing turn is streamed and repaired. What it costs is its own; `before_nusd` was paid by earlier turns
    and their calls.
    """

    number: int = 1
    tools: tuple[ToolSchema, ...] = ()
    transcript: Transcript = field(default_factory=lambda: Transcript("", 0))
    before_nusd: int = 0
    before_uncertain_nusd: int = 0
    search: WebSearch | None = None
    """Given where the agent has no other tool: then it may search the web while it answers."""

    @property
    def call_path(self) -> str:
        """Return the path under which its calls are held: the closing turn is the step itself."""
        return join(self.path, "turn", self.number) if self.tools else self.path

    def _request(self, model: str, messages: tuple[Message, ...], timeout_s: float) -> ModelRequest:
        request = super()._request(model, messages, timeout_s)
        system, user, *repair = request.messages
        request = replace(request, messages=(system, user, *self.transcript.messages(model), *repair))
        if self.search and not self.client.search_refusal(model, self.search):  # a fallback may have none
            return replace(request, search=self.search)
        return replace(request, tools=self.tools, schema=None, stream=False) if self.tools else request

    async def _accept(self, completion: Completion, call: PreparedCall, hold: Hold, *, may_repair: bool) -> StepRecord:
        """Settle the attempt and journal what it came to: calls under the turn's path, an answer as the step."""
        if not self.tools:
            completion = replace(completion, calls=())  # none were offered
            record = await super()._accept(completion, call, hold, may_repair=may_repair)
            if completion.found is not None and completion.found.queries:
                asked = json.dumps({"queries": completion.found.queries}, ensure_ascii=False)
                await self.services.record_decision(queries_path(self.path), text=asked)
            return record
        if not completion.calls and (unusable_answer(completion, call) or self._is_in_form(completion.text)):
            return await super()._accept(completion, call, hold, may_repair=False)
        self.usage = completion.usage
        charged = charge_for_answer(completion, call, hold)
        self._doubt(charged)
        said = TurnSaid.of_completion(completion, model=call.request.model, before=self.transcript)
        record = StepRecord(
            path=self.call_path,
            input_hash=self.transcript.hash,
            outcome="ok",
            agent=self.agent,
            model=call.request.model,
            text=said.text(),
            data={"uncertain_nusd": self.uncertain_nusd} if self.uncertain_nusd else {},
            elapsed_ms=int(1000 * (self.services.clock.monotonic() - self.started)),
            attempts=self.attempts,
        )
        record = paid(record, completion, call, self.cost_nusd + charged.actual_nusd)
        await self._settle(hold, charged, record)
        return record

    def record(self, outcome: Literal["ok", "failed"], *, model: str, reason: str = "", text: str = "") -> StepRecord:
        """Return the step as the journal keeps it; its time is that of all turns and calls, without waiting."""
        record = super().record(outcome, model=model, reason=reason, text=text)
        return record.model_copy(update={"elapsed_ms": record.elapsed_ms + self.transcript.elapsed_ms})

    def _is_in_form(self, text: str) -> bool:
        """Return whether a text is the answer: any is, where no form is asked for."""
        if self.schema is None:
            return True
        try:
            read(text, self.schema, [message.content for message in self.messages])
        except InvalidOutputError:
            return False
        return True

    def _data(self, model: str) -> dict[str, Any]:
        """Return what the step's record keeps beside its text, with the doubts and the cost of earlier turns."""
        before = {"before_nusd": self.before_nusd} if self.before_nusd else {}
        doubt = self.before_uncertain_nusd + self.uncertain_nusd
        return {**super()._data(model), **before, **({"uncertain_nusd": doubt} if doubt else {})}

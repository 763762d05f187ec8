"""One call of a tool: held, sent once, settled with its journal record; what nobody knows is asked, never repeated.

The trap: settling writes money always and the record only under the current epoch, so a slow owner leaves a call
settled without a record; and an owner that was stopped between its hold and sending may wake after another one took
over. So a call that may not be done twice is sent only when no call of its path, by any owner, could have been sent
before, and only while the lease of this run outlasts the time it can take. Otherwise a person says what happened.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import structlog

from patterns.core.errors import SIBLING_ENDED, BudgetExceededError, RunLostError
from patterns.core.events import Noted, ToolCalled
from patterns.core.forms import NOBODY_TO_ASK, Form, FormAnswers
from patterns.core.holds import Charged, Hold, HoldRequest
from patterns.core.invisible import without_invisible
from patterns.core.money import format_usd
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tasks import run_patiently, run_to_completion
from patterns.core.text import storable
from patterns.core.tools import TOOL_MODEL, ToolAnswer, ToolBox, ToolError, ToolFacts, ToolOutput
from patterns.roster.prompts import cut
from patterns.roster.tool_schema import ToolSpec
from patterns.services import Services
from patterns.tools.approvals import Approvals, Permit
from patterns.tools.asking_back import FORMS_MAX, AskingBack
from patterns.tools.dry_run import WOULD_BE_CALLED, is_left_out
from patterns.tools.judging import Judged, Offered
from patterns.tools.outcomes import LEASE_MARGIN_S, UNKNOWN, said_about_earlier
from patterns.tools.records import call_record
from patterns.tools.toolbox import idempotency_key

log = structlog.get_logger(__name__)

SEND_WITHIN_S = 3.0
"""A call that acts is sent this soon after its hold was asked for, or not: the lease still outlasts it by a second."""
STOP_S = 1.5
"""Seconds that a server is given to hear that a call was stopped."""
SENDS_MAX = 3


@dataclass(slots=True)
class Sent:
    """A call about to be sent: where it stands, what was judged, who approved it, and the seconds it may take.

    `answers` are to what its server asks back.
    """

    path: str
    one: Judged
    tool: Offered
    by: str
    timeout_s: float
    number: int
    answers: FormAnswers = NOBODY_TO_ASK


@dataclass
class Calls:
    """The calls of one step. `cost_nusd` and `uncertain_nusd` are what they have come to.

    `may_ask` is whether servers may ask people something in the middle of a call.
    """

    services: Services
    toolbox: ToolBox
    approvals: Approvals
    agent: str
    path: str
    asker: str
    cost_nusd: int = 0
    uncertain_nusd: int = 0
    may_ask: bool = True
    unstored: dict[str, str] = field(default_factory=dict)
    """Results that may not be stored, by path: they live as long as the step does in this process."""
    _attempts: Counter[str] = field(default_factory=Counter)

    @property
    def forms(self) -> AskingBack:
        """Return what puts questions of servers to people."""
        return AskingBack(self.services, self.agent, may_ask=self.may_ask)

    async def make(self, path: str, one: Judged, permit: Permit, *, bytes_max: int, number: int) -> StepRecord:
        """Return the record of a call that is not in the journal yet.

        Raises:
            ParkedError: it is not known whether it was done, and a person has to say.
            RunLostError: another process owns the run; nothing was sent, or what was sent is settled.
        """
        if one.problem or permit.refusal or one.tool is None:
            return await self._not_sent(path, one, cut(one.problem or permit.refusal, bytes_max))
        spec = one.tool.spec
        if is_left_out(spec, dry=self.services.tool_rules.dry):
            return await self._left_out(path, one, spec)
        timeout_s = min(spec.timeout_s, max(1.0, self.services.left_s))
        sent = Sent(path, one, one.tool, permit.by, timeout_s, number)
        for _ in range(max(SENDS_MAX, FORMS_MAX + 1)):
            if not spec.retry_safe:
                known = await said_about_earlier(self.services, self.agent, path, one)
                if known is not None:
                    return await self._not_sent(path, one, known, by=permit.by)
            if spec.private:
                await self.approvals.mark_private(spec)
            sent.answers = await self.forms.answers(path, one)
            came = await self._send(sent, bytes_max=bytes_max)
            if isinstance(came, Form):
                await self.forms.ask(path, one, came, number=len(sent.answers.given) + 1)
            elif came is not None:
                return came
        return await self._not_sent(path, one, UNKNOWN, by=permit.by)

    async def _left_out(self, path: str, one: Judged, spec: ToolSpec) -> StepRecord:
        """Journal what a dry run would have called, and at which price."""
        self.services.emit(Noted(path, f"{self.agent} would call {spec.name}; this is a dry run."))
        record = call_record(self.agent, path, one, WOULD_BE_CALLED, is_error=False)
        record = record.model_copy(update={"data": {**record.data, "would_cost_nusd": spec.price_nusd}})
        return await self.services.journal.record(self.services.fence, record)

    async def _not_sent(self, path: str, one: Judged, text: str, *, by: str = "") -> StepRecord:
        record = call_record(self.agent, path, one, text, is_error=True, by=by)
        return await self.services.journal.record(self.services.fence, record)

    # ------------------------------------------------------------ hold, send, settle

    async def _send(self, sent: Sent, *, bytes_max: int) -> StepRecord | Form | None:
        """Hold, send and settle once; return the record, or None where it is not known what the call did.

        A form is what its server asks somebody before it can answer.
        """
        services, spec = self.services, sent.tool.spec
        async with services.meter.calls:
            try:
                hold = await self._hold(sent)
            except BudgetExceededError:
                price = format_usd(spec.price_nusd)
                return await self._not_sent(
                    sent.path, sent.one, f"Not called: the budget does not allow {price} for it."
                )
            services.emit(ToolCalled(self.path, self.agent, spec.name, sent.number, acts=not spec.read_only))
            started = services.clock.monotonic()
            try:
                output, cancelled = await self._answer(sent)
            except ToolError as error:
                return await self._failed(sent, hold, error, started)
            except BaseException as error:
                reason = Reason.STOPPED if isinstance(error, asyncio.CancelledError) else Reason.INTERNAL
                await self._settle(hold, self._lost(sent, hold, reason, started), None)
                raise
            text, elapsed_ms = cut(without_invisible(storable(output.text)), bytes_max), self._elapsed_ms(started)
            if output.kept is not None:
                self.unstored[sent.path] = text
            answer = ToolAnswer(output.bytes_read, output.is_error, elapsed_ms)
            record = call_record(
                self.agent, sent.path, sent.one, text, is_error=output.is_error, output=output, by=sent.by
            )
            record = record.model_copy(
                update={"cost_nusd": spec.price_nusd, "attempts": 1, "elapsed_ms": elapsed_ms, "outcome": "ok"}
            )
            if output.form is not None:  # it answered nothing yet: only the call that does is charged
                await self._settle(hold, Charged("settled", 0, tool=answer), None)
            else:
                await self._settle(hold, Charged("settled", spec.price_nusd, tool=answer), record)
            if cancelled is not None:
                raise cancelled
            return output.form or record

    async def _hold(self, sent: Sent) -> Hold:
        """Hold the price of a call; of one that acts, until there is time enough to send it under our own lease.

        Raises:
            RunLostError: another process owns the run, or this one is too slow to send anything safely.
        """
        spec, clock = sent.tool.spec, self.services.clock
        for _ in range(SENDS_MAX):
            asked_s, asked_us = clock.monotonic(), clock.now_us()
            hold = await self.services.ledger.hold(self._request(sent))
            # Both clocks: one stands still while the machine sleeps, the other one can be set.
            took_s = max(clock.monotonic() - asked_s, (clock.now_us() - asked_us) / 1_000_000)
            if spec.retry_safe or took_s <= SEND_WITHIN_S:
                return hold
            log.warning("tool_not_sent", run=self.services.fence.run_id, path=sent.path, tool=spec.name, late_s=took_s)
            await self._settle(hold, Charged("released", 0, reason=Reason.NEVER_SENT), None)
        raise RunLostError

    def _request(self, sent: Sent) -> HoldRequest:
        services, spec = self.services, sent.tool.spec
        self._attempts[sent.path] += 1
        attempt = self._attempts[sent.path]
        return HoldRequest(
            call_id=f"{services.fence.run_id}/{sent.path}/{services.fence.epoch}.{attempt}",
            fence=services.fence,
            payer=services.payer,
            caps=services.caps,
            path=sent.path,
            attempt=attempt,
            agent=self.agent,
            model=f"{TOOL_MODEL}{spec.name}",
            flow=services.flow,
            price_version="roster",
            amount_nusd=spec.price_nusd,
            lease_s=0.0 if spec.retry_safe else spec.timeout_s + LEASE_MARGIN_S,
            tool=ToolFacts(
                tool=spec.name,
                arguments_hash=sent.one.key,
                is_repeatable=spec.retry_safe,
                timeout_ms=int(1000 * spec.timeout_s),
                approved_by=sent.by,
            ),
        )

    async def _answer(self, sent: Sent) -> tuple[ToolOutput, asyncio.CancelledError | None]:
        """Send the call and return what came back.

        A stop cancels it, and the server is told. The end of a sibling does not cancel what acts: its cancellation
        comes back beside the output, to be raised once that is settled.

        Raises:
            ToolError: no answer, or none in time.
        """
        spec = sent.tool.spec
        work = self.toolbox.call(
            spec.name,
            sent.one.arguments or {},
            key=idempotency_key(self.services.fence.run_id, sent.path),
            timeout_s=sent.timeout_s,
            asker=self.asker if spec.tell_asker else "",
            answers=sent.answers,
        )
        task = asyncio.ensure_future(work)
        cancelled: asyncio.CancelledError | None = None
        try:
            await asyncio.wait({task}, timeout=sent.timeout_s)
        except asyncio.CancelledError as error:
            if spec.read_only or SIBLING_ENDED not in error.args:
                await self._stop(task)
                raise
            cancelled = error
            await run_to_completion(_ended(task, sent.timeout_s))
        if not task.done():
            await self._stop(task)
            raise ToolError(f"It did not answer within {sent.timeout_s:g} seconds.", was_sent=True)
        return task.result(), cancelled

    @staticmethod
    async def _stop(task: "asyncio.Future[ToolOutput]") -> None:
        """Cancel a call and give its server a moment to hear of it."""
        task.cancel()
        await run_to_completion(_ended(task, STOP_S))

    async def _failed(self, sent: Sent, hold: Hold, error: ToolError, started: float) -> StepRecord | None:
        """Settle a call without an answer. Return its record, or None where it acts and may have acted."""
        spec = sent.tool.spec
        if not error.was_sent:
            charged = Charged("released", 0, reason=Reason.NEVER_SENT)
            record = call_record(self.agent, sent.path, sent.one, f"Not called: {error}", is_error=True)
            await self._settle(hold, charged, record.model_copy(update={"outcome": "ok", "attempts": 1}))
            return record
        charged = self._lost(sent, hold, Reason.TIMEOUT, started)
        if not spec.retry_safe:
            await self._settle(hold, charged, None)
            return None
        record = call_record(
            self.agent, sent.path, sent.one, f"No answer: {error}", is_error=True, by=sent.by
        ).model_copy(update={"cost_nusd": charged.actual_nusd, "outcome": "ok", "attempts": 1})
        if charged.state == "uncertain":
            record = record.model_copy(update={"data": {**record.data, "uncertain_nusd": charged.actual_nusd}})
        await self._settle(hold, charged, record)
        return record

    def _lost(self, sent: Sent, hold: Hold, reason: Reason, started: float) -> Charged:
        """Return the charge of a call without an answer: all of it, and nothing where nothing can be owed or done."""
        answer = ToolAnswer(0, is_error=True, elapsed_ms=self._elapsed_ms(started))
        if sent.tool.spec.retry_safe and not hold.amount_nusd:
            return Charged("settled", 0, reason=reason, tool=answer)
        return Charged("uncertain", hold.amount_nusd, reason=reason, tool=answer)

    async def _settle(self, hold: Hold, charged: Charged, record: StepRecord | None) -> None:
        """Settle even while the task is being cancelled, or the database is away for a while."""
        await run_patiently(lambda: self._pay(hold, charged, record), self.services.clock.sleep)

    async def _pay(self, hold: Hold, charged: Charged, record: StepRecord | None) -> None:
        services = self.services
        settlement = await services.ledger.settle(hold, charged, services.fence, record)
        self.cost_nusd += settlement.actual_nusd
        self.uncertain_nusd += settlement.actual_nusd if charged.state == "uncertain" else 0
        services.meter.add_cost(self.path, settlement.actual_nusd)

    def _elapsed_ms(self, started: float) -> int:
        return int(1000 * (self.services.clock.monotonic() - started))


async def _ended(task: "asyncio.Future[ToolOutput]", timeout_s: float) -> None:
    await asyncio.wait({task}, timeout=timeout_s)

"""The attempts of one step: hold, call, settle, with retries, one repair and fallback models.

Used by `patterns.agent` alone. A failed attempt is settled at what it may have cost and, where that makes sense, tried
once more on the same model and then on its fallbacks; never after text was shown.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from patterns.charges import as_model_error, charge_for_answer, charge_for_error, paid, unusable_answer
from patterns.core.calls import Completion, Image, Message, ModelRequest, PreparedCall
from patterns.core.context import TaskContext
from patterns.core.errors import BudgetExceededError, CircuitOpenError, LimitReachedError, ModelError
from patterns.core.events import StepRetried, TextDelta, TextWithdrawn
from patterns.core.holds import Charged, Hold, HoldRequest
from patterns.core.money import Usage
from patterns.core.ports import ModelClient
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.structured import REPAIR_BYTES, InvalidOutputError, read, repair_prompt
from patterns.core.tasks import run_patiently
from patterns.core.text import storable
from patterns.core.visible_text import thinks_aloud, visible_text
from patterns.handoff import Handoff, images
from patterns.hearing import Hearing
from patterns.retries import Failure, Retries
from patterns.roster.agent_schema import output_schema
from patterns.roster.prompts import Rendered, cut
from patterns.services import Services

IDLE_S = 20.0
GRACE_S = 0.25
"""The client ends a slow attempt itself and knows best what it cost; this is the backstop behind it."""


class UnreadableError(Exception):
    """An answer was paid for and does not match the schema; the message says where."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(problem)
        self.text = text


@dataclass
class Attempts:
    """The attempts of one step and their total cost."""

    client: ModelClient
    ctx: TaskContext
    services: Services
    agent: str
    path: str
    handoff: Handoff
    schema: Mapping[str, Any] | None
    cost_nusd: int = 0
    attempts: int = 0
    uncertain_nusd: int = 0
    usage: Usage | None = None
    shown: list[str] = field(default_factory=list)
    avoided: CircuitOpenError | None = None
    """The refusal of the step's own model, whose circuit is open."""
    rendered: Rendered | None = None

    def __post_init__(self) -> None:
        self.spec = self.services.roster.agent(self.agent)
        self.schema = self.schema or output_schema(self.spec)
        prompt = self.services.roster.prompts[self.spec.prompt]
        rendered = self.rendered or prompt.render(self.handoff.slots(self.ctx), self.spec.input_bytes_max)
        self.rendered = rendered
        self.was_cut = rendered.was_cut
        self.images: tuple[Image, ...] = images(self.ctx) if "artifacts" in prompt.slots else ()
        self.messages = (Message("system", rendered.system), Message("user", rendered.user))
        parts = [self.agent, self.spec.model, self.spec.max_output_tokens, rendered.system, rendered.user, self.schema]
        parts += [image.data_base64 or image.digest for image in self.images]
        self.input_hash = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        self.streams = self.services.may_stream and self.schema is None
        self.started = self.services.clock.monotonic()
        self.retries = Retries(lambda: self.services.left_s)

    @property
    def call_path(self) -> str:
        """Return the path under which calls are held: the step's, or a part of it."""
        return self.path

    async def run(self) -> StepRecord:
        """Return the step's record: the answer, repaired once when it does not parse, or the journalled failure."""
        try:
            try:
                return await self._answer(self.messages, may_repair=self.schema is not None)
            except UnreadableError as unreadable:
                self._retried(Reason.INVALID_OUTPUT, self.spec.model)
                shown = Message("assistant", cut(unreadable.text, REPAIR_BYTES))
                asked = Message("user", repair_prompt(str(unreadable)))
                return await self._answer((*self.messages, shown, asked), may_repair=False)
        except ModelError as error:
            failed = self.record("failed", model=self.spec.model, reason=error.reason, text="".join(self.shown))
            told = {"fix": error.fix} if error.fix else {}
            told |= {"since": error.since} if isinstance(error, CircuitOpenError) else {}
            failed = failed.model_copy(update={"data": {**failed.data, **told}})
            return await self.services.journal.record(self.services.fence, failed)

    async def _answer(self, messages: tuple[Message, ...], *, may_repair: bool) -> StepRecord:
        """Return the record of the first attempt that succeeds: two per model, then the fallbacks in order.

        Raises:
            ModelError: of the last attempt, when every model has failed.
            BudgetExceededError: a hold was refused for lack of money, or every model is quarantined.
        """
        chain = (self.spec.model, *self.client.fallbacks(self.spec.model))
        failure: Failure | None = None
        for position, model in enumerate(chain):
            following = chain[position + 1 : position + 2]
            tries = 0
            while True:
                try:
                    return await self._attempt(model, messages, may_repair=may_repair)
                except BudgetExceededError as error:
                    if error.reason != Reason.QUARANTINED:
                        raise
                    failure = error
                except ModelError as error:
                    if self.shown:
                        raise
                    failure = error
                    if isinstance(error, CircuitOpenError):
                        self.avoided = self.avoided or error
                    else:
                        tries += 1
                wait_s = self.retries.wait_s(failure, tries, is_last=not following)
                since = failure.since if isinstance(failure, CircuitOpenError) else ""
                if wait_s is None:
                    if following:
                        self._retried(failure.reason, following[0], since=since)
                    break
                self._retried(failure.reason, model, since=since)
                await self.services.clock.sleep(wait_s)
        raise failure or LookupError(self.agent)

    def _retried(self, reason: Reason, next_model: str, *, since: str = "") -> None:
        self.services.emit(StepRetried(self.path, self.agent, reason, next_model, since))

    async def _attempt(self, model: str, messages: tuple[Message, ...], *, may_repair: bool) -> StepRecord:
        """Hold, call and settle once; return the step's record. An open circuit refuses before anything is held."""
        async with self.services.meter.calls:
            call = self.client.prepare(self._request(model, messages, self._timeout_s()))
            with self.client.circuit(model).passage(model):
                hold = await self._hold(call)
                completion = await self._completion(call, hold)
            completion, call, hold = await self._whole(completion, call, hold)
            completion = replace(completion, text=storable(completion.text))
            return await self._accept(completion, call, hold, may_repair=may_repair)

    async def _whole(self, said: Completion, call: PreparedCall, hold: Hold) -> tuple[Completion, PreparedCall, Hold]:
        """Return an answer with what belongs to it, and the call and the hold that are to be settled."""
        return said, call, hold

    async def _completion(self, call: PreparedCall, hold: Hold) -> Completion:
        """Return the answer to one call; one that fails is settled at what it may have cost."""
        try:
            async with asyncio.timeout(self._timeout_s() + GRACE_S):
                return await self._hearing(call.request.model).hear(self.client.complete, call)
        except BaseException as error:
            failure = as_model_error(error)
            charged = charge_for_error(failure, call, hold)
            self._doubt(charged)
            await self._settle(hold, charged, None)
            if isinstance(error, TimeoutError | ModelError) and self.services.left_s <= 0 and not self.shown:
                raise _time_is_over() from error
            if isinstance(failure, ModelError):
                raise failure from error
            raise

    def _timeout_s(self) -> float:
        """Return the seconds that an attempt may take from now on; raise LimitReachedError when none are left."""
        if self.services.left_s <= 0:
            raise _time_is_over()
        return min(self.spec.timeout_s, self.services.left_s)

    def prepared(self, model: str, request: ModelRequest | None = None) -> PreparedCall:
        """Return a `request`, else the first one, to a model without sending it; raise ModelError when it cannot be."""
        return self.client.prepare(request or self._request(model, self.messages, self.spec.timeout_s))

    def _request(self, model: str, messages: tuple[Message, ...], timeout_s: float) -> ModelRequest:
        first, user, *rest = messages
        seeing = self.images if self.services.roster.models[model].sees_images else ()
        return ModelRequest(
            model=model,
            messages=(first, Message("user", user.content, seeing), *rest),
            max_output_tokens=self.spec.max_output_tokens,
            schema=self.schema,
            stream=self.streams,
            timeout_s=timeout_s,
            idle_timeout_s=min(IDLE_S, timeout_s),
        )

    async def _hold(self, call: PreparedCall) -> Hold:
        self.attempts += 1
        services = self.services
        return await services.ledger.hold(
            HoldRequest(
                call_id=f"{services.fence.run_id}/{self.call_path}/{services.fence.epoch}.{self.attempts}",
                fence=services.fence,
                payer=services.payer,
                caps=services.caps,
                path=self.call_path,
                attempt=self.attempts,
                agent=self.agent,
                model=call.request.model,
                flow=services.flow,
                price_version=call.price.version,
                amount_nusd=call.bound_nusd,
                envelope=services.envelope,
            )
        )

    async def _accept(self, completion: Completion, call: PreparedCall, hold: Hold, *, may_repair: bool) -> StepRecord:
        """Settle the attempt and, if its answer finishes the step, journal the step in the same transaction."""
        self.usage = completion.usage
        model = call.request.model
        charged = charge_for_answer(completion, call, hold)
        self._doubt(charged)
        refused = unusable_answer(completion, call)
        if refused is not None:
            await self._settle(hold, charged, None)
            raise refused
        text = completion.text
        if self.schema is not None:
            try:
                text = read(text, self.schema, [message.content for message in self.messages])
            except InvalidOutputError as error:
                said = visible_text(text) or text
                failed = self.record("failed", model=model, reason=Reason.INVALID_OUTPUT, text=said)
                failed = paid(failed, completion, call, self.cost_nusd + charged.actual_nusd)
                await self._settle(hold, charged, None if may_repair else failed)
                if may_repair:
                    raise UnreadableError(said, str(error)) from None
                return failed
        done = self.record("ok", model=model, text=text)
        done = paid(done, completion, call, self.cost_nusd + charged.actual_nusd)
        await self._settle(hold, charged, done)
        return done

    async def _settle(self, hold: Hold, charged: Charged, step: StepRecord | None) -> None:
        """Settle the hold even while the task is being cancelled, or the database is away for a while."""
        await run_patiently(lambda: self._pay(hold, charged, step), self.services.clock.sleep)

    async def _pay(self, hold: Hold, charged: Charged, step: StepRecord | None) -> None:
        settlement = await self.services.ledger.settle(hold, charged, self.services.fence, step)
        self.cost_nusd += settlement.actual_nusd
        self.services.meter.add_cost(self.path, settlement.actual_nusd)

    def _doubt(self, charged: Charged) -> None:
        """Add an uncertain charge to the sum that the reader of the answer is told about."""
        self.uncertain_nusd += charged.actual_nusd if charged.state == "uncertain" else 0

    def _hearing(self, model: str) -> Hearing:
        hold_back = thinks_aloud(self.services.roster.models[model].model)
        return Hearing(tell=self._tell, withdraw=self._withdraw, hold_back=hold_back)

    def _tell(self, text: str) -> None:
        self.shown.append(text)
        self.services.emit(TextDelta(path=self.path, text=text))

    def _withdraw(self) -> None:
        self.shown.clear()
        self.services.emit(TextWithdrawn(path=self.path))

    def record(self, outcome: Literal["ok", "failed"], *, model: str, reason: str = "", text: str = "") -> StepRecord:
        """Return the step as the journal keeps it, with what its attempts have cost so far."""
        return StepRecord(
            path=self.path,
            input_hash=self.input_hash,
            outcome=outcome,
            agent=self.agent,
            model=model,
            text=text,
            data=self._data(model),
            reason=reason,
            cost_nusd=self.cost_nusd,
            elapsed_ms=int(1000 * (self.services.clock.monotonic() - self.started)),
            attempts=self.attempts,
        )

    def _data(self, model: str) -> dict[str, Any]:
        """Return what the reader of a step is told besides its text: a doubtful price, and who answered instead."""
        instead = self.avoided is not None and model not in ("", self.avoided.model)
        return {
            **({"uncertain_nusd": self.uncertain_nusd} if self.uncertain_nusd else {}),
            **({"avoided": self.avoided.model, "since": self.avoided.since} if self.avoided and instead else {}),
        }


def _time_is_over() -> LimitReachedError:
    return LimitReachedError("The time for this run is over.", limit=Reason.RUN_S)

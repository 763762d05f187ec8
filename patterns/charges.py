"""The charge of an attempt: the bill where one came, nothing where that is certain, else the whole hold."""

import asyncio
from typing import Any

from patterns.core.calls import BilledModelError, Completion, PreparedCall
from patterns.core.errors import NEVER_SENT, Charge, LimitReachedError, ModelError
from patterns.core.holds import Charged, Hold
from patterns.core.money import Usage
from patterns.core.reasons import Reason
from patterns.core.step_record import CACHED_TOKENS, SEARCHES, StepRecord
from patterns.core.visible_text import is_blank, visible_text
from patterns.core.web_search import WebFindings


def charge_for_answer(completion: Completion, call: PreparedCall, hold: Hold) -> Charged:
    """Return the charge of an answered call: the bill, or the whole hold when no usage came."""
    if completion.usage is None:
        if call.price.is_play:
            return Charged("released", 0, reason=Reason.NO_USAGE)
        return Charged("uncertain", hold.amount_nusd, reason=Reason.NO_USAGE)
    return Charged("settled", call.price.cost_nusd(completion.usage), usage=completion.usage)


def charge_for_error(error: BaseException, call: PreparedCall, hold: Hold) -> Charged:
    """Return what a call that ended with this error counts: a told bill is settled, whatever the error is."""
    if isinstance(error, LimitReachedError) or NEVER_SENT in error.args:
        return Charged("released", 0, reason=Reason.NEVER_SENT)
    reason = Reason.STOPPED if isinstance(error, asyncio.CancelledError) else Reason.INTERNAL
    reason = error.reason if isinstance(error, ModelError) else reason
    usage = _bill_in(error)
    if usage is not None:
        return Charged("settled", call.price.cost_nusd(usage), usage=usage, reason=reason)
    if call.price.is_play or (isinstance(error, ModelError) and error.charge is Charge.NOTHING):
        return Charged("released", 0, reason=reason)
    return Charged("uncertain", hold.amount_nusd, reason=reason)


def _bill_in(error: BaseException) -> Usage | None:
    if isinstance(error, BilledModelError):
        return error.usage
    return next((told for told in error.args if isinstance(told, Usage)), None)


def as_model_error(error: BaseException) -> BaseException:
    """Return the error, a TimeoutError as a retryable ModelError."""
    if isinstance(error, TimeoutError):
        timeout = Reason.TIMEOUT
        return ModelError(timeout.sentence(), reason=timeout, retryable=True, charge=Charge.UNCERTAIN)
    return error


def unusable_answer(completion: Completion, call: PreparedCall) -> ModelError | None:
    """Return the error of an answer that is none, although it was paid for; None for a real one, or for calls."""
    if completion.calls:
        return None
    if completion.finish_reason == "content_filter":
        refused = Reason.CONTENT_POLICY
        return ModelError(refused.sentence(), reason=refused, retryable=False, charge=Charge.NOTHING)
    if completion.finish_reason == "length" and is_blank(visible_text(completion.text)):
        # Sent again as it was, it would cost the same and say as little.
        model, thinking_max = call.request.model, call.output_tokens_max - call.request.max_output_tokens
        return ModelError(
            Reason.THINKING.sentence(),
            reason=Reason.THINKING,
            retryable=False,
            charge=Charge.NOTHING,
            fix=f"An admin can raise reasoning_tokens_max of model {model} in the roster; it is {thinking_max} now.",
        )
    if completion.text.strip():
        return None
    if completion.finish_reason == "paused":
        # Asked again, it would search as long and be paid for once more.
        paused = Reason.LONG_SEARCH
        return ModelError(paused.sentence(), reason=paused, retryable=False, charge=Charge.NOTHING)
    return ModelError(Reason.EMPTY.sentence(), reason=Reason.EMPTY, retryable=True, charge=Charge.NOTHING)


def paid(step: StepRecord, completion: Completion, call: PreparedCall, cost_nusd: int) -> StepRecord:
    """Return a record with the usage of the completion it came from and what its attempts cost in nano-dollars.

    Of searches of the web it keeps how many were paid for and what was read; the words looked for are no fact of money.
    """
    usage = completion.usage or Usage(input_tokens=0, output_tokens=0)
    cached = {CACHED_TOKENS: usage.cached_input_tokens} if usage.cached_input_tokens else {}
    return step.model_copy(
        update={
            "data": {**step.data, **cached, **_findings(completion.found, call)},
            "cost_nusd": cost_nusd,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "finish_reason": completion.finish_reason,
        }
    )


def _findings(found: WebFindings | None, call: PreparedCall) -> dict[str, Any]:
    if found is None:
        return {}
    failed = {"search_errors": list(found.errors)} if found.errors else {}
    read = [source.url for source in found.read if source not in found.sources]
    return {
        SEARCHES: found.searches,
        "search_nusd": found.searches * call.price.search_nusd,
        "sources": [[source.title, source.url] for source in found.sources],
        **({"read": read} if read else {}),
        **failed,
    }

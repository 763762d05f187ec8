"""The charge of an attempt: the bill where one came, nothing where that is certain, else the whole hold."""

import asyncio

from patterns.core.calls import Completion, PreparedCall
from patterns.core.errors import NEVER_SENT, Charge, LimitReachedError, ModelError
from patterns.core.ports import Charged, Hold


def charge_for(completion: Completion, call: PreparedCall, hold: Hold) -> Charged:
    """Return the charge of an answered call: the bill, or the whole hold when no usage came."""
    if completion.usage is None:
        return Charged("uncertain", hold.amount_nusd, reason="the provider sent no usage")
    return Charged("settled", call.price.cost_nusd(completion.usage), usage=completion.usage)


def charge_of(error: BaseException, hold: Hold) -> Charged:
    """Return the charge of a call that ended with this error: nothing, or the whole hold as uncertain."""
    if isinstance(error, LimitReachedError) or NEVER_SENT in error.args:
        return Charged("released", 0, reason=NEVER_SENT)
    if isinstance(error, ModelError):
        if error.charge is Charge.NOTHING:
            return Charged("released", 0, reason=error.reason)
        return Charged("uncertain", hold.amount_nusd, reason=error.reason)
    reason = "stopped" if isinstance(error, asyncio.CancelledError) else type(error).__name__
    return Charged("uncertain", hold.amount_nusd, reason=reason)


def failure_of(error: BaseException) -> BaseException:
    """Return the error, a TimeoutError as a retryable ModelError."""
    if isinstance(error, TimeoutError):
        text = "The model did not answer in time."
        return ModelError(text, reason="timeout", retryable=True, charge=Charge.UNCERTAIN)
    return error


def refusal(completion: Completion) -> ModelError | None:
    """Return the ModelError for an answer that was paid for but is empty or filtered; None when it is usable."""
    if completion.finish_reason == "content_filter":
        text = "The provider's content filter stopped the answer."
        return ModelError(text, reason="content_policy", retryable=False, charge=Charge.NOTHING)
    if not completion.text.strip():
        return ModelError("The model answered nothing.", reason="empty", retryable=True, charge=Charge.NOTHING)
    return None

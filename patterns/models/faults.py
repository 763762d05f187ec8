"""How a model call fails: every provider's refusal becomes one `ModelError` with a reason and a charge.

The rule of the charge: nothing written, or an error status before any output, costs nothing; a request that was
written and brought no usage is uncertain. Provider text is untrusted and may quote our key, so only a cleaned scrap of
it stays.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from patterns.core.calls import BilledModelError
from patterns.core.errors import Charge, ModelError
from patterns.core.money import Usage
from patterns.core.reasons import Reason
from patterns.models.waits import retry_after_s

_DETAIL_CHARS = 160
_FIXED_BY_ADMIN = frozenset({Reason.AUTH, Reason.OUTPUT_CAP, Reason.QUOTA})
"""What fails again however often it is asked, until an admin changes something: its advice is kept with the step."""
_RETRYABLE = frozenset(
    {"rate_limit", "overloaded", "timeout", "connection", "truncated", "malformed", "server", "calls"}
)
_BY_STATUS = {
    401: "auth",
    402: "quota",
    403: "auth",
    408: "timeout",
    413: "context_length",
    425: "overloaded",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_SERVER_ERRORS = 500
_OUTPUT_CAP = re.compile(
    r"max(imum)?_?((completion|output|new)_?)?[_ ]?tokens\W{0,3}.{0,60}?"
    r"(too (large|big|high)|maximum (allowed|value)|supported range|valid range|less than|at most|exceed|> ?\d)"
    r"|lower than the maximum number of output tokens",
    re.IGNORECASE | re.DOTALL,
)
_INPUT_AND_CAP = re.compile(r"input (length|tokens?) and \W?max_tokens|context limit", re.IGNORECASE)
_CONTEXT = re.compile(
    r"context[_ ](length|window|size|limit)|maximum (context|prompt|input)|prompt is too long"
    r"|too many (input )?tokens|input token count|exceeds? the (available|maximum)|reduce the length",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"content[_ ](policy|filter|management)|responsible[_ ]?ai|safety (system|policy|setting)|usage polic|moderation",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient_quota|insufficient balance|insufficient credits|credit balance|billing"
    r"|exceeded your current quota",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"api[_ ]?key[_ ](not valid|invalid)|API_KEY_INVALID|invalid[_ ](x-)?api[_ -]key|incorrect api key"
    r"|no (auth|api key)|not authenticated|unauthorized",
    re.IGNORECASE,
)
_SECRETS = re.compile(r"(?i:bearer)\s+\S+|\b(sk|pk|rk|key|gsk|xai|AIza)[-_\w]*[-_\w*.]{8,}|[\w+/=-]{24,}")


@dataclass(frozen=True, slots=True)
class Failure:
    """A provider's refusal before it is a `ModelError`: a value of `Reason`, the status, the wanted wait, its words."""

    reason: str
    status: int | None = None
    retry_after_s: float | None = None
    detail: str = ""


def model_error(
    model: str, failure: Failure, charge: Charge, *, usage: Usage | None = None, fix: str = ""
) -> ModelError:
    """Return the error for people and for the retry loop.

    `model` is the roster's name of it, `usage` the bill where one was told: then that is the charge. `fix` says who
    can do what about it.
    """
    reason = Reason(failure.reason)
    fix = fix or (reason.advice() if reason in _FIXED_BY_ADMIN else "")
    said = f"The provider said: {failure.detail}" if failure.detail else ""
    told: dict[str, Any] = {
        "reason": Reason.RATE_LIMIT if reason is Reason.QUOTA else reason,
        "retryable": failure.reason in _RETRYABLE,
        "status": failure.status,
        "retry_after_s": failure.retry_after_s,
        "fix": fix,
    }
    sentence = " ".join(filter(None, (reason.statement(model=model), fix or reason.advice(), said)))
    if usage is not None:
        return BilledModelError(sentence, usage=usage, **told)
    return ModelError(sentence, charge=charge, **told)


def from_status(status: int, body: str, headers: Mapping[str, str], secret: str = "") -> Failure:
    """Judge an HTTP error reply by its status and by the words the providers use for what a status hides."""
    reason = _BY_STATUS.get(status, "server" if status >= _SERVER_ERRORS else "bad_request")
    if reason == "bad_request":
        reason = hidden_in_words(body)
    elif reason == "rate_limit" and _QUOTA.search(body) and "retryDelay" not in body:
        reason = "quota"
    return Failure(reason, status, retry_after_s(headers, body), detail_of(body, secret))


def hidden_in_words(body: str) -> str:
    """Return the reason that a plain refusal means by its words, `bad_request` where they say nothing more."""
    kinds = [("auth", _KEY), ("output_cap", _OUTPUT_CAP), ("context_length", _CONTEXT)]
    if _INPUT_AND_CAP.search(body):
        kinds.remove(("output_cap", _OUTPUT_CAP))
    kinds += [("content_policy", _POLICY), ("quota", _QUOTA)]
    return next((reason for reason, words in kinds if words.search(body)), "bad_request")


def detail_of(body: str, secret: str = "") -> str:
    """Return a scrap of the provider's words, cleaned: they are untrusted and may quote our key."""
    try:
        data = json.loads(body)
        error = data.get("error") or (data.get("errors") or [data])[0]
        text = error if isinstance(error, str) else str(error.get("message") or error.get("msg") or "")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        text = ""
    if secret:
        text = text.replace(secret, "***")
    text = _SECRETS.sub("***", text)
    text = " ".join("".join(c if c.isprintable() and c not in "<>`" else " " for c in text).split())
    return text if len(text) <= _DETAIL_CHARS else text[: _DETAIL_CHARS - 1] + "…"

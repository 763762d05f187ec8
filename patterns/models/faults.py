"""How a model call fails, in one place: every provider's way of saying no becomes one `ModelError` with a price on it.

The rule of the charge: nothing written, or an error status before any output, costs nothing; a request that was
written and brought no usage is uncertain. Provider text is untrusted and may quote our key, so only a cleaned scrap of
it stays.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from patterns.core.errors import Charge, ModelError

_DETAIL_CHARS = 160
_SENTENCES = {
    "rate_limit": "{model} is asked too often right now. Wait a minute and try again.",
    "quota": "The provider's account behind {model} is used up. An admin must top it up there.",
    "overloaded": "{model} is overloaded at its provider. Try again in a few minutes.",
    "timeout": "{model} did not answer in time. Try again, or ask for less at once.",
    "connection": "{model} could not be reached. An admin can check its address with `agents doctor`.",
    "truncated": "{model} broke off before its answer was complete. Try again.",
    "auth": "The provider of {model} did not accept our key. An admin must check it with `agents doctor`.",
    "bad_request": "The provider of {model} refused the request. An admin must check the model in the roster.",
    "context_length": "The request is too long for {model}. Shorten it, or choose a model with a larger context.",
    "content_policy": "The provider of {model} refused the content of the request. Rephrase it.",
    "malformed": "{model} sent something that is not an answer. Try again, or have an admin check its api_base.",
    "server": "The provider of {model} failed. Try again in a few minutes.",
}
_RETRYABLE = frozenset({"rate_limit", "overloaded", "timeout", "connection", "truncated", "malformed", "server"})
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
_CONTEXT = re.compile(
    r"context[_ ](length|window|size)|maximum (context|prompt|input)|prompt is too long|too many (input )?tokens"
    r"|input token count|exceeds? the (available|maximum)|reduce the length",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"content[_ ](policy|filter|management)|responsible[_ ]?ai|safety (system|policy|setting)|usage polic|moderation",
    re.IGNORECASE,
)
_QUOTA = re.compile(r"insufficient_quota|credit balance|billing|exceeded your current quota", re.IGNORECASE)
_KEY = re.compile(
    r"api[_ ]?key[_ ](not valid|invalid)|API_KEY_INVALID|invalid x-api-key|incorrect api key", re.IGNORECASE
)
_SECRETS = re.compile(r"(?i:bearer)\s+\S+|\b(sk|pk|rk|key|gsk|xai|AIza)[-_\w]*[-_\w*.]{8,}|[\w+/=-]{24,}")


@dataclass(frozen=True, slots=True)
class Failure:
    """What a provider said, before it is a `ModelError`: a reason of the table, its status, its wish, its words."""

    reason: str
    status: int | None = None
    retry_after_s: float | None = None
    detail: str = ""


def model_error(model: str, failure: Failure, charge: Charge) -> ModelError:
    """The error for people and for the retry loop; `model` is the roster's name of it."""
    sentence = _SENTENCES[failure.reason].format(model=model)
    if failure.detail:
        sentence += f" The provider said: {failure.detail}"
    return ModelError(
        sentence,
        reason="rate_limit" if failure.reason == "quota" else failure.reason,
        retryable=failure.reason in _RETRYABLE,
        charge=charge,
        status=failure.status,
        retry_after_s=failure.retry_after_s,
    )


def from_status(status: int, body: str, headers: Mapping[str, str], secret: str = "") -> Failure:
    """An HTTP error reply, judged by its status and by the words the three providers use for what a status hides."""
    reason = _BY_STATUS.get(status, "server" if status >= _SERVER_ERRORS else "bad_request")
    if reason == "bad_request":
        reason = _hidden_in_400(body)
    elif reason == "rate_limit" and _QUOTA.search(body) and "retryDelay" not in body:
        reason = "quota"
    return Failure(reason, status, _retry_after_s(headers, body), _detail(body, secret))


def from_event(data: Mapping[str, Any]) -> Failure:
    """An error object inside a stream that had begun with status 200."""
    text = json.dumps(data, ensure_ascii=False)
    reason = "overloaded" if "overloaded" in text else "rate_limit" if "rate_limit" in text else "server"
    return Failure(reason, detail=_detail(text, ""))


def _hidden_in_400(body: str) -> str:
    for reason, words in (("auth", _KEY), ("context_length", _CONTEXT), ("content_policy", _POLICY), ("quota", _QUOTA)):
        if words.search(body):
            return reason
    return "bad_request"


def _retry_after_s(headers: Mapping[str, str], body: str) -> float | None:
    told = headers.get("retry-after") or headers.get("Retry-After") or ""
    in_body = re.search(r'"retryDelay"\s*:\s*"([\d.]+)s"', body)
    try:
        wish = float(told or (in_body[1] if in_body else ""))
    except ValueError:
        try:
            wish = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, wish) if math.isfinite(wish) else None


def _detail(body: str, secret: str) -> str:
    try:
        error = json.loads(body).get("error", "")
        text = error if isinstance(error, str) else str(error.get("message", ""))
    except (ValueError, AttributeError, RecursionError):
        text = ""
    if secret:
        text = text.replace(secret, "***")
    text = _SECRETS.sub("***", text)
    text = " ".join("".join(c if c.isprintable() and c not in "<>`" else " " for c in text).split())
    return text if len(text) <= _DETAIL_CHARS else text[: _DETAIL_CHARS - 1] + "…"

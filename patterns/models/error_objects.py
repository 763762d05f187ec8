"""Errors that come with status 200, whole or inside a stream: judged by the status that their own code means."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from patterns.models.faults import Failure, detail_of, from_status, hidden_in_words
from patterns.models.waits import retry_after_s

_STATUS_OF = {
    **dict.fromkeys(("invalid_request_error", "invalid_argument", "badrequesterror", "bad_request"), 400),
    **dict.fromkeys(("context_length_exceeded", "content_filter", "content_policy_violation"), 400),
    **dict.fromkeys(("authentication_error", "invalid_api_key", "unauthenticated", "unauthorized"), 401),
    **dict.fromkeys(("billing_error", "payment_required", "insufficient_balance", "insufficient_quota"), 402),
    **dict.fromkeys(("permission_error", "permission_denied", "forbidden"), 403),
    **dict.fromkeys(("not_found_error", "not_found", "model_not_found"), 404),
    **dict.fromkeys(("request_too_large", "payload_too_large"), 413),
    **dict.fromkeys(("rate_limit_error", "rate_limit_exceeded", "rate_limit", "too_many_requests"), 429),
    **dict.fromkeys(("resource_exhausted", "tokens", "requests"), 429),
    **dict.fromkeys(("api_error", "server_error", "internal", "internal_error", "internal_server_error"), 500),
    **dict.fromkeys(("unavailable", "service_unavailable"), 503),
    **dict.fromkeys(("timeout_error", "deadline_exceeded"), 504),
    **dict.fromkeys(("overloaded_error", "overloaded"), 529),
}
"""The providers' words for what a status would have said; the last two of 429 are OpenAI's types of rate limits."""
_ERRORS = range(HTTPStatus.BAD_REQUEST, 600)
_SUCCESS = frozenset({"0", "200", "ok", "OK", "success"})
_WORDS = ("message", "msg")
_CODES = ("code", "status", "status_code", "http_code", "type")
_STATES = ("type", "event", "object", "status", "state")
_ALIVE = re.compile(
    r"ping|pong|keep[-_. ]?alive|heart[-_. ]?beat|processing|queued|queueing|pending|waiting|running|started|connecting"
    r"|connected|in[-_ ]?progress|progress|info|status|ok|success",
    re.IGNORECASE,
)
"""What an object is called that only keeps the connection open, whatever else it says."""
_TOLD_STATUS = re.compile(r"(?:status|code|error)\W{0,3}([45]\d\d)\b|^\W*([45]\d\d)\b", re.IGNORECASE)
_REPLY_KEYS = frozenset({"choices", "candidates", "content", "output", "usage", "usageMetadata", "done"})
_OVERLOADED = re.compile(r"overloaded|over capacity|at capacity", re.IGNORECASE)
_RATE = re.compile(r"rate[_ -]?limit|too many requests", re.IGNORECASE)


def is_error(loaded: object) -> bool:
    """Return whether a reply with status 200 is an error object instead."""
    if not isinstance(loaded, Mapping):
        return False
    error = loaded.get("error") or loaded.get("errors")
    if error and not (_says_success(error) and _REPLY_KEYS & loaded.keys()):
        return True
    if "error" in (loaded.get("object"), loaded.get("type")):
        return True
    if any(_ALIVE.fullmatch(str(loaded.get(name))) for name in _STATES) and _status_in(loaded) is None:
        return False
    says = any(isinstance(loaded.get(name), str) for name in _WORDS) or "detail" in loaded
    return says and not _REPLY_KEYS & loaded.keys() and bool({"detail", *_CODES} & loaded.keys())


def _says_success(error: object) -> bool:
    """Return whether an error object beside an answer only says that there was none: a code of 0 or 200, or nothing."""
    if not isinstance(error, Mapping):
        return False
    codes = [error.get(name) for name in _CODES if error.get(name) not in (None, "")]
    return all(str(code) in _SUCCESS for code in codes) and (bool(codes) or not any(error.values()))


def from_error(data: Mapping[str, Any]) -> Failure:
    """Judge an error object as the status it should have come with would be judged: by its code, else by its words."""
    body = json.dumps(data, ensure_ascii=False)
    status = _status_in(data) or _status_of_words(body)
    if status is not None:
        return from_status(status, body, {})
    return Failure("server", None, retry_after_s({}, body), detail_of(body))


def _status_in(data: Mapping[str, Any]) -> int | None:
    inner = data.get("error") or data.get("errors")
    inner = inner[0] if isinstance(inner, list) and inner else inner
    places = [place for place in (inner, data) if isinstance(place, Mapping)]
    for code in (place.get(name) for place in places for name in _CODES):
        number = int(code) if isinstance(code, str) and code.isdecimal() else code
        if isinstance(number, int) and number in _ERRORS:
            return number
        if isinstance(code, str) and code.lower() in _STATUS_OF:
            return _STATUS_OF[code.lower()]
    words = [inner, *(place.get(name) for place in places for name in _WORDS)]
    found = next((told for said in words if isinstance(said, str) and (told := _TOLD_STATUS.search(said))), None)
    return int(found[1] or found[2]) if found else None


def _status_of_words(body: str) -> int | None:
    if _OVERLOADED.search(body):
        return _STATUS_OF["overloaded"]
    if _RATE.search(body):
        return _STATUS_OF["rate_limit"]
    hidden = hidden_in_words(body)
    if hidden in ("auth", "quota"):
        return _STATUS_OF["unauthorized" if hidden == "auth" else "payment_required"]
    return None if hidden == "bad_request" else _STATUS_OF["bad_request"]

"""How long a provider wants us to wait before the next try: in seconds or milliseconds, as a date, or in words."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = r"\d+(?:\.\d+)?"
_UNIT = r"(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)"
_WORDS = re.compile(
    rf"(?:again|retry|wait|retryDelay)\D{{0,30}}?((?:{_NUMBER}\s*{_UNIT}\b\s*|{_NUMBER}{_UNIT})+)", re.IGNORECASE
)
_SPAN = re.compile(rf"({_NUMBER})\s*({_UNIT})", re.IGNORECASE)
_FIELD = re.compile(rf'"retry_after(_ms|_seconds|_s)?"\s*:\s*"?({_NUMBER})', re.IGNORECASE)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after_s(headers: Mapping[str, str], body: str = "") -> float | None:
    """Return how many seconds the provider wants us to wait: by its headers, else by its words."""
    in_ms = headers.get("retry-after-ms") or headers.get("Retry-After-Ms") or ""
    told = headers.get("retry-after") or headers.get("Retry-After") or ""
    for value, per_s in ((in_ms, 1000), (told, 1)):
        try:
            wish = float(value) / per_s
        except ValueError:
            continue
        return max(0.0, wish) if math.isfinite(wish) else None
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return _wait_in(body)


def _wait_in(body: str) -> float | None:
    field = _FIELD.search(body)
    if field is not None:
        return float(field[2]) * (0.001 if field[1] == "_ms" else 1.0)
    words = _WORDS.search(body)
    if words is None:
        return None
    return sum(float(amount) * _seconds(unit.lower()) for amount, unit in _SPAN.findall(words[1]))


def _seconds(unit: str) -> float:
    return 0.001 if unit.startswith(("ms", "milli")) else _SECONDS[unit[0]]

"""What a provider told about tokens, read leniently as to form and strictly as to sense.

Counts come as integers, floats or numeric strings, in several events, and under several names. What is no count is no
bill: then the whole hold counts.
"""

import math
from collections.abc import Mapping
from typing import Any

from patterns.core.money import Usage

_TOKENS_ABSURD = 1_000_000_000

Told = Mapping[str, Any]


def number(value: object) -> int | None:
    """Return a count of tokens, rounded up, or None where the value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        count = float(value)
    except (ValueError, OverflowError):
        return None
    return math.ceil(count) if 0 <= count <= _TOKENS_ABSURD else None


def merged(earlier: Told, later: object) -> dict[str, Any]:
    """Return both, the later one deciding; but nothing and 0 are no news where there is a count already."""
    result = dict(earlier)
    if not isinstance(later, Mapping):
        return result
    for key, value in later.items():
        before = result.get(key)
        if isinstance(value, Mapping):
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        elif value is not None and not (number(value) == 0 and number(before)):
            result[key] = value
    return result


def openai_usage(told: Told) -> Usage | None:
    """Read the usage of OpenAI and of everything that answers like it."""
    given, made = _first(told, "prompt_tokens", "input_tokens"), _first(told, "completion_tokens", "output_tokens")
    total = _first(told, "total_tokens")
    if made is None and given and total:
        made = max(0, total - given)
    if given is None or made is None:
        return None
    given_details, made_details = _inner(told, "prompt_tokens_details"), _inner(told, "completion_tokens_details")
    cached = (
        _first(given_details, "cached_tokens")
        or _first(told, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
        or 0
    )
    written = (
        _first(given_details, "cache_write_tokens", "cache_creation_tokens")
        or _first(told, "cache_creation_input_tokens")
        or 0
    )
    reasoning = _first(made_details, "reasoning_tokens") or _first(told, "reasoning_tokens") or 0
    rest = (total or 0) - given - made
    if rest > 0 and rest in (cached, cached + written) and rest != reasoning:
        given += rest  # the gateway leaves cached input out of prompt_tokens
    else:
        # Some leave reasoning out of completion_tokens, and only the total has it.
        made = max(made, made + rest)
    if cached + written > given:
        given += cached + written
    return Usage(given, made, cached, reasoning, cache_write_tokens=written)


def responses_usage(told: Told) -> Usage | None:
    """Read the usage of OpenAI's `/responses`, which has other names for the same."""
    given, made = told.get("input_tokens_details"), told.get("output_tokens_details")
    return openai_usage({**told, "prompt_tokens_details": given, "completion_tokens_details": made})


def anthropic_usage(told: Told) -> Usage | None:
    """Read Anthropic's usage, whose input tokens are those beside the cache."""
    plain, made = _first(told, "input_tokens"), _first(told, "output_tokens")
    if plain is None or made is None:
        return None
    cached, written = _first(told, "cache_read_input_tokens") or 0, _first(told, "cache_creation_input_tokens") or 0
    parts = _inner(told, "cache_creation")
    hour = _first(parts, "ephemeral_1h_input_tokens") or 0
    written = max(written, hour + (_first(parts, "ephemeral_5m_input_tokens") or 0))
    reasoning = _first(_inner(told, "output_tokens_details"), "thinking_tokens") or 0
    return Usage(
        plain + cached + written,
        made,
        cached,
        reasoning,
        cache_write_tokens=written - hour,
        cache_write_1h_tokens=hour,
    )


def gemini_usage(told: Told) -> Usage | None:
    """Read Gemini's usage, where only the total says whether the answer's count includes thoughts."""
    given = _first(told, "promptTokenCount")
    if given is None:
        return None
    given += _first(told, "toolUsePromptTokenCount") or 0
    answer, reasoning = _first(told, "candidatesTokenCount") or 0, _first(told, "thoughtsTokenCount") or 0
    made = (_first(told, "totalTokenCount") or 0) - given
    made = made if made >= answer and made > 0 else answer + reasoning
    cached = _first(told, "cachedContentTokenCount") or 0
    return Usage(given + cached if cached > given else given, made, cached, reasoning)


def converse_usage(told: Told) -> Usage | None:
    """Read the usage of Bedrock's Converse, whose input tokens are those beside the cache."""
    plain, made = _first(told, "inputTokens"), _first(told, "outputTokens")
    if plain is None or made is None:
        return None
    cached = _first(told, "cacheReadInputTokens", "cacheReadInputTokenCount") or 0
    written = _first(told, "cacheWriteInputTokens", "cacheWriteInputTokenCount") or 0
    details = told.get("cacheDetails")
    hour = sum(
        _first(one, "inputTokens") or 0
        for one in (details if isinstance(details, list) else ())
        if isinstance(one, Mapping) and one.get("ttl") == "1h"
    )
    hour = min(hour, written)
    return Usage(plain + cached + written, made, cached, cache_write_tokens=written - hour, cache_write_1h_tokens=hour)


def ollama_usage(told: Told) -> Usage | None:
    """Read Ollama's counts."""
    given, made = _first(told, "prompt_eval_count"), _first(told, "eval_count")
    return None if given is None or made is None else Usage(given, made)


def _first(told: Told, *names: str) -> int | None:
    return next((count for name in names if (count := number(told.get(name))) is not None), None)


def _inner(told: Told, name: str) -> Told:
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}

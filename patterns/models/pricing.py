"""The price of a call before it is sent: rates out of litellm's map, and token bounds that no tokenizer exceeds."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from patterns.core.money import TOKENS_PER_MTOK, Price, Tier, rate_nusd_per_mtok

PER_MESSAGE_TOKENS = 8
"""Role markers and separators a chat template puts around one message; published ones use up to 5."""

SCHEMA_TOKENS = 640
"""What a provider adds when it is asked for JSON, beside the schema itself: Anthropic documents up to 530 for tools."""

TOOLS_TOKENS = 1_200
"""What a provider or a chat template adds where tools are offered or were called, beside what the body says of them.

Twice what Anthropic documents (530 tokens); the templates of open models bring instructions of about that length too.
"""

SELF_CACHING = frozenset({"openai", "azure"})
"""Providers that write prompt caches unasked; where that is dearer than plain input, the dearer rate is the bound."""

IMAGE_TOKENS_MAX: tuple[tuple[str, int], ...] = (
    ("gpt-4o-mini", 48_200),  # 2833 + 8 tiles of 5667
    ("openai/", 10_000),  # 765 to 1445 tiled; patch models up to 1536 patches times 2.46, newest up to 10,000 patches
    ("anthropic/", 5_000),  # 1600, newest models 4784
    ("gemini/", 10_400),  # 258 a tile, 40 tiles of the longest picture it takes
)
IMAGE_TOKENS_OTHER = 50_000
"""Bound of one image for providers that publish none."""

_TIER = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_BILLED_OTHERWISE = re.compile(r"(input|output)_cost_per_(request|second|image|character)|citation.*")
_SEARCHES_ALWAYS = re.compile(r"perplexity/|search|deep-research")


def input_tokens_max(text: str, *, framing_tokens: int, messages: int) -> int:
    """Return the most tokens a serialised body can be: one per byte, of the text as it is or as NFKC makes it.

    Some tokenizers normalise first, and one Arabic ligature (U+FDFA, 3 bytes) grows to 33 bytes that way. The body's
    own JSON counts too, which only adds.
    """
    size = len(text)
    if not text.isascii():
        size = max(len(text.encode()), len(unicodedata.normalize("NFKC", text).encode()))
    return size + framing_tokens + PER_MESSAGE_TOKENS * messages


def image_tokens_max(model: str) -> int:
    """Return the most tokens one image can be for a litellm model name (`openai/gpt-4o`)."""
    return next((tokens for part, tokens in IMAGE_TOKENS_MAX if part in model), IMAGE_TOKENS_OTHER)


def price_from_map(entry: Mapping[str, Any], *, model: str, provider: str, source: str) -> Price | None:
    """Return the price of a model in litellm's map, or None when the entry does not bound what a call costs.

    Where the map knows several rates for what we cannot tell apart (reasoning, cached input of long prompts) the
    dearest one is taken: a bound may be too high, never too low.
    """
    if _SEARCHES_ALWAYS.search(model) or any(entry[key] for key in entry if _BILLED_OTHERWISE.fullmatch(key)):
        return None
    tiers = [*_suffixed_tiers(entry), *_listed_tiers(entry)]
    first = entry if "input_cost_per_token" in entry else next(iter(entry.get("tiered_pricing", ())), {})
    rates = _input_rate(first, provider), _output_rate(first)
    if rates[0] is None or rates[1] is None:
        return None
    cached = [
        _rate(entry[key]) for key in entry if re.fullmatch(r"cache_read_input_token_cost(_above_\d+k_tokens)?", key)
    ]
    return Price(
        input_nusd_per_mtok=rates[0],
        output_nusd_per_mtok=rates[1],
        cached_input_nusd_per_mtok=max((rate for rate in cached if rate is not None), default=None),
        tiers=tuple(sorted(tiers, key=lambda tier: tier.above_input_tokens)),
        source=source,
        cache_write_nusd_per_mtok=_rate(entry.get("cache_creation_input_token_cost")),
        cache_write_1h_nusd_per_mtok=_rate(entry.get("cache_creation_input_token_cost_above_1hr")),
    )


def _rate(usd_per_token: object) -> int | None:
    if not isinstance(usd_per_token, int | float):
        return None
    return rate_nusd_per_mtok(Decimal(repr(usd_per_token)) * TOKENS_PER_MTOK)


def _dearest(rates: Iterable[object]) -> int | None:
    return max((rate for cost in rates if (rate := _rate(cost)) is not None), default=None)


def _input_rate(entry: Mapping[str, Any], provider: str, suffix: str = "") -> int | None:
    if entry.get(f"input_cost_per_token{suffix}") is None:
        return None
    keys = [f"input_cost_per_token{suffix}", "input_cost_per_image_token"]
    if provider in SELF_CACHING:
        keys.append(f"cache_creation_input_token_cost{suffix}")
    return _dearest(entry.get(key) for key in keys)


def _output_rate(entry: Mapping[str, Any], suffix: str = "") -> int | None:
    if entry.get(f"output_cost_per_token{suffix}") is None:
        return None
    return _dearest(entry.get(key) for key in (f"output_cost_per_token{suffix}", "output_cost_per_reasoning_token"))


def _suffixed_tiers(entry: Mapping[str, Any]) -> Iterable[Tier]:
    for found in filter(None, map(_TIER.fullmatch, entry)):
        suffix = f"_above_{found[1]}k_tokens"
        rate_in = _input_rate(entry, str(entry.get("litellm_provider")), suffix)
        rate_out = _output_rate(entry, suffix) or _output_rate(entry)
        if rate_in is not None and rate_out is not None:
            yield Tier(int(found[1]) * 1000, rate_in, rate_out)


def _listed_tiers(entry: Mapping[str, Any]) -> Iterable[Tier]:
    for part in entry.get("tiered_pricing", ()):
        rate_in, rate_out = _input_rate(part, ""), _output_rate(part)
        if part.get("range", [0])[0] and rate_in is not None and rate_out is not None:
            yield Tier(int(part["range"][0]), rate_in, rate_out)

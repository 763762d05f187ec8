"""What a search of the web at a provider costs before it is made, and which providers have one to ask for. Pure.

A search brings back text that counts as input, and the model reads everything once more after each of them.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from patterns.core.calls import PreparedCall
from patterns.core.money import NUSD_PER_USD
from patterns.core.web_search import WebSearch
from patterns.models.reply_search import Unit
from patterns.models.search_request import SAMPLING
from patterns.models.translate import Target, refuse

QUERIES_MAX = 8
"""Queries of one answer that are held for where the provider takes no bound: what is above is settled all the same."""

_UNITS: Mapping[str, Unit] = {"openai": "items", "anthropic": "told", "gemini": "prompt"}


def unit_of(provider: str, entry: Mapping[str, Any]) -> Unit | None:
    """Return how a model's searches are billed; None where it has none that we can ask for."""
    unit = _UNITS.get(provider)
    if unit is None or entry.get("supports_web_search") is False or "search" in str(entry.get("mode")):
        return None
    return "queries" if unit == "prompt" and entry.get("web_search_billing_unit") == "per_query" else unit


def search_nusd(entry: Mapping[str, Any]) -> int | None:
    """Return the dearest price of one search in litellm's map, in nano-dollars; None where it has none to go by."""
    rates = entry.get("search_context_cost_per_query")
    known = [rate for rate in (rates.values() if isinstance(rates, Mapping) else ()) if isinstance(rate, int | float)]
    if not known or not all(math.isfinite(rate) and rate >= 0 and rate is not True for rate in known):
        return None
    return int(Decimal(repr(max(known))) * NUSD_PER_USD)


def search_refusal(target: Target, search: WebSearch) -> str:
    """Return why a model cannot search the web; empty where it can."""
    if target.search_unit is None:
        return f"{target.model} has no web search that we can ask for."
    if target.provider == "openai" and target.sampling.keys() - set(SAMPLING):
        return f"{target.model} takes no `sampling` with a search but {' and '.join(SAMPLING)}."
    if price_nusd(target, search) is None:
        return f"No price is known for a search of {target.model}; set price_usd of the tool in the roster."
    return ""


def with_search(call: PreparedCall, target: Target, search: WebSearch) -> PreparedCall:
    """Return a call with what its searches can cost at most.

    Raises:
        ModelError: the model has none, or none with a price.
    """
    each_nusd, unit = price_nusd(target, search), target.search_unit
    if each_nusd is None or unit is None:
        raise refuse(call.request, search_refusal(target, search))
    return replace(
        call,
        input_tokens_max=_input_tokens(call, search),
        price=replace(call.price, search_nusd=each_nusd),
        searches_max=held_for(search, unit),
        # Anthropic caches what was found from one search to the next, unasked.
        writes_cache=call.writes_cache or target.provider == "anthropic",
    )


def price_nusd(target: Target, search: WebSearch) -> int | None:
    """Return the price of one search, the roster's before the map's; None where neither knows one."""
    return target.search_nusd if search.price_nusd is None else search.price_nusd


def held_for(search: WebSearch, unit: Unit) -> int:
    """Return how many searches a call is held for."""
    if unit == "prompt":
        return 1
    return max(search.searches_max, QUERIES_MAX) if unit == "queries" else search.searches_max


def _input_tokens(call: PreparedCall, search: WebSearch) -> int:
    """Return the most input of a call that may search: the prompt, what it wrote and what it found, read every time."""
    count = search.searches_max
    found = search.result_tokens_max * count * (count + 1) // 2
    return (count + 1) * call.input_tokens_max + count * call.output_tokens_max + found

"""What litellm's packaged files say of models, provider and rates, read without its import of two seconds.

Only what they settle is told: a name written as provider/model, or one of OpenAI's and Anthropic's own chat models.
Whoever needs more asks litellm itself; a test compares the two over every name of the file.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from patterns.core.errors import RosterError

Entry = Mapping[str, Any]

_PRICES = "model_prices_and_context_window_backup.json"
_MORE_PROVIDERS = "llms/openai_like/providers.json"
_PROVIDERS = "types/utils.py"
_MEMBERS = re.compile(r"^class LlmProviders\(str, Enum\):\n((?:    .*\n|\n)+)", re.MULTILINE)
_VALUE = re.compile(r'^    [A-Z0-9_]+ = "([^"]+)"', re.MULTILINE)
_OWN_NAMES = frozenset({"openai", "anthropic"})
"""Providers whose models go by their own name, without the provider's before it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model: its name at its provider, and its rates, empty where the file has none."""

    name: str
    provider: str
    entry: Entry


def look_up(models: Iterable[str]) -> dict[str, Known]:
    """Return what the files say of these models; those whose provider they do not settle are left out.

    The whole file is some 20 MB as objects, so nothing of it is kept but this.

    Raises:
        RosterError: litellm is not installed as it should be.
    """
    try:
        prices: Mapping[str, Entry] = json.loads((_folder() / _PRICES).read_bytes())
        found = {model: _known(model, prices) for model in set(models)}
    except (OSError, ValueError) as error:
        raise RosterError(f"The prices that come with litellm cannot be read ({error}). Install it again.") from None
    return {model: known for model, known in found.items() if known is not None}


def entry_of(prices: Mapping[str, Entry], model: str, name: str, provider: str) -> Entry:
    """Return the entry of a model in a price map, empty where there is none of its provider."""
    for key in (model, f"{provider}/{name}", name):
        entry = prices.get(key, {})
        if entry.get("litellm_provider") == provider:
            return entry
    return {}


def _known(model: str, prices: Mapping[str, Entry]) -> Known | None:
    provider, slash, name = model.partition("/")
    if not slash:
        entry = prices.get(model, {})
        provider, name = str(entry.get("litellm_provider")), model
        is_settled = provider in _OWN_NAMES and entry.get("mode") == "chat" and not model.startswith("ft:")
    else:
        # What Azure hosts of other makers is spoken to as if it were OpenAI's.
        is_settled = provider in providers() and not (provider == "azure" and _is_of_others(name, prices))
    return Known(name, provider, entry_of(prices, model, name, provider)) if is_settled else None


def _is_of_others(name: str, prices: Mapping[str, Entry]) -> bool:
    return f"mistral/{name}" in prices or prices.get(name, {}).get("litellm_provider") == "cohere_chat"


@functools.cache
def providers() -> frozenset[str]:
    """Return the providers that can stand before a model's name."""
    members = _MEMBERS.search((_folder() / _PROVIDERS).read_text("utf-8"))
    more: Mapping[str, Any] = json.loads((_folder() / _MORE_PROVIDERS).read_bytes())
    return frozenset(_VALUE.findall(members[1]) if members else ()).union(more)


def _folder() -> Path:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise OSError("litellm is not there")
    return Path(spec.origin).parent

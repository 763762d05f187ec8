"""What somebody meant who wrote something else: the nearest word, other names of a thing, a name that is allowed."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

NEAR = 0.65
"""How alike two words are, from 0 to 1, before one is taken for a slip of the other."""

OTHER_NAMES = {
    "api_key": "api_key_env",
    "key": "api_key_env",
    "apikey": "api_key_env",
    "openai_api_key": "api_key_env",
    "token": "api_key_env",
    "secret": "api_key_env",
    "base_url": "api_base",
    "api_url": "api_base",
    "url": "api_base",
    "endpoint": "api_base",
    "fallbacks": "fallback",
    "llm": "model",
    "name": "description",
    "role": "description",
    "system": "prompt",
    "system_prompt": "prompt",
    "instructions": "prompt",
    "template": "prompt",
    "max_tokens": "max_output_tokens",
    "max_output": "max_output_tokens",
    "timeout": "timeout_s",
    "synthesiser": "synthesizer",
    "judge": "reviewer",
    "criteria": "acceptance",
    "steps": "pipeline",
    "stages": "pipeline",
    "parallel": "broadcast",
    "vision": "sees_images",
    "images": "sees_images",
    "tz": "timezone",
    "currency": "workspace_usd",
    "monthly_usd": "default_channel_usd",
    "channel_usd": "default_channel_usd",
    "budget_usd": "run_usd",
    "include": "extends",
    "extend": "extends",
    "base": "extends",
}
"""What other programs call what a roster calls otherwise."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was most likely meant; empty when none is near."""
    folded = {name.casefold().replace("-", "_"): name for name in known}
    wanted = word.casefold().replace("-", "_").replace(" ", "_")
    if wanted in folded:
        return folded[wanted]
    near = get_close_matches(wanted, folded, n=1, cutoff=NEAR)
    return folded[near[0]] if near else ""


def key_meant(key: str, allowed: Iterable[str]) -> str:
    """Return the key that was most likely meant; empty when none is near."""
    keys = tuple(allowed)
    other = OTHER_NAMES.get(key.casefold().replace("-", "_"), "")
    return other if other in keys else nearest(key, keys)


def as_name(text: str) -> str:
    """Return the nearest text that can be a name, such as `legal-team` for `Legal Team`."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.casefold()).strip("-_")
    name = re.sub(r"^[^a-z]+", "", name)[:40].rstrip("-_")
    return name or "my-agent"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return words as people list them: `a, b and c`."""
    *most, end = (str(word) for word in words)
    return f"{', '.join(most)} {last} {end}" if most else end


def instead_of(name: str, known: Iterable[str], what: str) -> str:
    """Return what to write instead of a name that is not known: the nearest one, else all there are of `what`."""
    names = sorted(known)
    near = nearest(name, names)
    return f"Did you mean {near}?" if near else f"The {what} are {', '.join(names)}."

"""Where a provider is reached and with which key: what the roster says, else a variable, else the provider itself.

A variable such as OPENAI_API_BASE holds for every model of its provider, so that naming a model in the roster cannot
send text past a company's gateway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from patterns.roster.model_schema import ModelSpec

OWN_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
}
_SHARED_NAMES = {"ollama_chat": ("OLLAMA",), "gemini": ("GEMINI", "GOOGLE")}
"""Providers of litellm whose variables are not called as they are."""


@dataclass(frozen=True, slots=True)
class Access:
    """An address and a key, each with where it comes from: `the roster`, a variable's name, or nothing.

    `is_chosen` says that the address was configured, so there may be a gateway behind it.
    """

    api_base: str
    base_from: str
    key: str | None = field(repr=False)
    key_from: str
    is_chosen: bool


def access(spec: ModelSpec, *, provider: str, known_base: str | None, env: Mapping[str, str]) -> Access:
    """Return how a model is reached; `known_base` is what litellm knows of the provider."""
    base, base_from = spec.api_base or "", "the roster" if spec.api_base else ""
    if spec.api_base is None:
        base, base_from = _first(env, base_variables(provider))
    variables = [spec.api_key_env] if spec.api_key_env else key_variables(provider)
    key, key_from = _first(env, variables)
    return Access(
        api_base=base or known_base or OWN_ADDRESSES.get(provider, ""),
        base_from=base_from,
        key=key or None,
        key_from=key_from,
        is_chosen=spec.api_base is not None or bool(base),
    )


def base_variables(provider: str) -> list[str]:
    """Return the variables that can hold a provider's address: litellm's name first, then the one of its own SDK."""
    return [f"{name}_{end}" for end in ("API_BASE", "BASE_URL") for name in _names(provider)]


def key_variables(provider: str) -> list[str]:
    """Return the variables that can hold a provider's key."""
    return [f"{name}_API_KEY" for name in _names(provider)]


def _names(provider: str) -> Sequence[str]:
    return _SHARED_NAMES.get(provider, (provider.upper(),))


def _first(env: Mapping[str, str], variables: Sequence[str]) -> tuple[str, str]:
    """Return the first value that is set, and its variable."""
    return next(((value, name) for name in variables if (value := env.get(name, "").strip())), ("", ""))

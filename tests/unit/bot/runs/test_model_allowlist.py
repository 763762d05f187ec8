from types import SimpleNamespace
from typing import Any

import pytest

from bot.runs.model_allowlist import ModelAllowlist, is_allowed
from patterns.core.calls import Message, ModelRequest
from patterns.core.errors import UserError
from patterns.roster.roster import ModelSpec

FAST = ModelSpec("fast", "openai/gpt-5-mini")
STRONG = ModelSpec("strong", "anthropic/claude-sonnet-4-5")
MODELS = {"fast": FAST, "strong": STRONG}


@pytest.mark.parametrize(
    ("allowed", "models"),
    [
        ((), ["fast", "strong"]),
        (("openai",), ["fast"]),
        (("strong",), ["strong"]),
        (("anthropic/claude-sonnet-4-5", "openai"), ["fast", "strong"]),
        (("gemini",), []),
    ],
)
def test_a_model_is_allowed_by_its_name_or_its_provider(allowed: tuple[str, ...], models: list[str]) -> None:
    assert [name for name, spec in MODELS.items() if is_allowed(spec, allowed)] == models


def test_a_call_elsewhere_is_refused_before_it_has_a_price_or_a_hold() -> None:
    asked: list[Any] = []
    client: Any = SimpleNamespace(prepare=asked.append, fallbacks=lambda _model: ("fast", "strong"))
    narrowed = ModelAllowlist(client, MODELS, ("openai",))
    message = (Message("user", "hello"),)
    with pytest.raises(UserError, match="may only go to openai"):
        narrowed.prepare(ModelRequest("strong", message, 10))
    narrowed.prepare(ModelRequest("fast", message, 10))
    assert [request.model for request in asked] == ["fast"]
    assert narrowed.fallbacks("fast") == ("fast",)

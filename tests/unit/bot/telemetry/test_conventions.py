"""The names of telemetry: providers as the conventions call them, money as readers take it."""

import pytest

from bot.telemetry.conventions import provider_of, usd


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openai/gpt-5-mini", "openai"),
        ("gpt-5-mini", "openai"),
        ("anthropic/claude-sonnet-4-5", "anthropic"),
        ("gemini/gemini-2.5-flash", "gcp.gemini"),
        ("xai/grok-4", "x_ai"),
        ("azure/mine", "azure.ai.openai"),
        ("ollama_chat/llama3.2", "ollama_chat"),
    ],
)
def test_providers_have_the_names_of_the_conventions(model: str, provider: str) -> None:
    assert provider_of(model) == provider


def test_money_is_told_in_dollars() -> None:
    assert usd(1_500_000_000) == 1.5

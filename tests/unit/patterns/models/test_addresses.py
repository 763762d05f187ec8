"""Where the text of a channel goes, and with which key."""

import pytest

from patterns.core.calls import Message, ModelRequest
from patterns.core.money import Price
from patterns.models.addresses import Access, access
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import ModelSpec

GATEWAY = "https://gateway.example.com/v1"


def found(model: str, env: dict[str, str], **spec: str) -> Access:
    provider = model.split("/", maxsplit=1)[0]
    return access(ModelSpec("m", model, **spec), provider=provider, known_base=None, env=env)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("openai", "OPENAI_API_BASE"),
        ("openai", "OPENAI_BASE_URL"),
        ("anthropic", "ANTHROPIC_API_BASE"),
        ("anthropic", "ANTHROPIC_BASE_URL"),
        ("gemini", "GEMINI_API_BASE"),
        ("mistral", "MISTRAL_API_BASE"),
        ("ollama_chat", "OLLAMA_API_BASE"),
    ],
)
def test_a_providers_variable_holds_for_every_model_of_it(provider: str, variable: str) -> None:
    reached = found(f"{provider}/m", {variable: f" {GATEWAY} "})
    assert (reached.api_base, reached.base_from, reached.is_chosen) == (GATEWAY, variable, True)


def test_what_the_roster_says_comes_before_a_variable() -> None:
    reached = found("openai/m", {"OPENAI_API_BASE": GATEWAY}, api_base="https://other.example.com/v1")
    assert (reached.api_base, reached.base_from) == ("https://other.example.com/v1", "the roster")


def test_without_either_it_is_the_provider_itself() -> None:
    reached = found("openai/m", {"ANTHROPIC_API_BASE": GATEWAY, "OPENAI_API_BASE": ""})
    assert (reached.api_base, reached.base_from, reached.is_chosen) == ("https://api.openai.com/v1", "", False)


def test_a_key_is_the_rosters_else_the_providers() -> None:
    env = {"OPENAI_API_KEY": "a", "TEAM_KEY": "b"}
    assert (found("openai/m", env).key, found("openai/m", env).key_from) == ("a", "OPENAI_API_KEY")
    named = found("openai/m", env, api_key_env="TEAM_KEY")
    assert (named.key, named.key_from) == ("b", "TEAM_KEY")
    assert found("openai/m", env, api_key_env="UNSET").key is None


@pytest.mark.parametrize(
    ("model", "variable", "url"),
    [
        ("openai/gpt-5-mini", "OPENAI_API_BASE", f"{GATEWAY}/chat/completions"),
        ("anthropic/claude-sonnet-4-5", "ANTHROPIC_API_BASE", f"{GATEWAY}/messages"),
        ("gemini/gemini-2.5-flash", "GEMINI_API_BASE", f"{GATEWAY}/models/gemini-2.5-flash:generateContent"),
    ],
)
def test_a_model_named_in_the_roster_is_sent_to_the_gateway(model: str, variable: str, url: str) -> None:
    client = LiteLLMClient({"m": ModelSpec("m", model, price=Price(1, 1))}, {variable: GATEWAY})
    assert client.prepare(ModelRequest("m", (Message("user", "Hi"),), 100)).wire.url == url

"""litellm's packaged files, read without importing it, say of every model what litellm itself says."""

import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest

from patterns.core.errors import RosterError
from patterns.models.client import LiteLLMClient
from patterns.models.price_map import Known, entry_of, look_up, providers
from patterns.models.pricing import price_from_map
from patterns.models.sdk import litellm_sdk
from patterns.roster.model_schema import ModelSpec

litellm = litellm_sdk()
NAMES = sorted(litellm.model_cost.keys() - {"sample_spec"})
SIGNED_IN = frozenset({"github_copilot", "chatgpt"})
"""Providers of which litellm wants a sign-in before it says anything."""


def of_litellm(model: str) -> tuple[str, Any] | None:
    """Provider and price of a model as litellm resolves it; None where it knows no provider."""
    try:
        name, provider, _, _ = litellm.get_llm_provider(model)
    except litellm.exceptions.BadRequestError:
        return None
    return provider, price(model, Known(name, provider, entry_of(litellm.model_cost, model, name, provider)))


def price(model: str, known: Known) -> Any:
    return price_from_map(known.entry, model=model, provider=known.provider, source="x")


def test_every_name_of_the_file_has_the_provider_and_the_price_that_litellm_gives_it() -> None:
    found = look_up(NAMES)
    settled = {model: (known.provider, price(model, known)) for model, known in found.items()}
    assert {
        model: (told, of_litellm(model))
        for model, told in settled.items()
        if told[0] not in SIGNED_IN and told != of_litellm(model)
    } == {}
    assert len(settled) > 0.8 * len(NAMES)


def test_what_the_file_leaves_open_is_asked_of_litellm() -> None:
    model = "ft:gpt-3.5-turbo"
    assert look_up([model]) == {}
    told = of_litellm(model)
    assert told is not None
    assert LiteLLMClient({"m": ModelSpec("m", model)}, {}).price("m").version == told[1].version


def test_the_providers_are_litellms() -> None:
    own = {provider.value for provider in litellm.types.utils.LlmProviders}
    assert own <= providers()
    assert {"aihubmix", "publicai"} <= providers()


@pytest.mark.parametrize("model", ["azure/mistral-large-latest", "ft:gpt-4o:an-org::1", "nonsense", "no-such/model"])
def test_what_is_not_settled_is_left_to_litellm(model: str) -> None:
    assert look_up([model]) == {}


def test_a_model_of_an_unknown_name_has_its_provider_and_no_rates() -> None:
    assert look_up(["hosted_vllm/mine"]) == {"hosted_vllm/mine": Known("mine", "hosted_vllm", {})}


def test_a_price_that_would_be_another_providers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = LiteLLMClient({"m": ModelSpec("m", "openai/gpt-4o")}, {})
    assert client.price("m").source == f"litellm {version('litellm')} price map"
    monkeypatch.setattr(litellm, "get_llm_provider", lambda _: ("gpt-4o", "azure", None, None))
    with pytest.raises(RosterError, match="is one of azure"):
        client.listing("m")


def test_files_that_are_not_there_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patterns.models.price_map.find_spec", lambda _: None)
    with pytest.raises(RosterError, match="Install it again"):
        look_up(["openai/gpt-4o"])


def test_a_price_or_its_lack_is_known_without_the_import() -> None:
    code = """
import asyncio, sys
from patterns.core.errors import RosterError
from patterns.models.client import LiteLLMClient
from patterns.roster.model_schema import ModelSpec
models = {"known": ModelSpec("known", "openai/gpt-4o"), "not": ModelSpec("not", "openai/nobody-knows-this")}
client = LiteLLMClient(models, {})
asyncio.run(client.check(["known"]))
try:
    asyncio.run(client.check(["known", "not"]))
except RosterError as error:
    print(error)
print("litellm" in sys.modules, client.is_warm)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[0].startswith("No price is known for not (openai/nobody-knows-this).")
    assert told[1:] == ["False False"]

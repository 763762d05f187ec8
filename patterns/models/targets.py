"""How a model of the roster is reached: its provider, address, key and shape, resolved by litellm."""

import importlib
from collections.abc import Mapping
from dataclasses import replace

from patterns.core.errors import RosterError
from patterns.models.addresses import access, key_variables
from patterns.models.price_map import Known, entry_of
from patterns.models.sdk import litellm_sdk
from patterns.models.searches import search_nusd, unit_of
from patterns.models.translate import Target
from patterns.roster.roster import ModelSpec

_SHAPE_OF = {
    **dict.fromkeys(("openai", "hosted_vllm", "lm_studio", "openrouter", "xai"), "openai"),
    "anthropic": "anthropic",
    "gemini": "gemini",
}


def resolve(spec: ModelSpec, found: Known | None, env: Mapping[str, str]) -> Target:
    """Return how a model is reached. `found` is what litellm's files say of it, `env` holds keys and addresses.

    Raises:
        RosterError: litellm does not know the model, or takes it for another provider's.
    """
    litellm = litellm_sdk()
    try:
        name, provider, _, api_base = litellm.get_llm_provider(spec.model)
    except litellm.exceptions.BadRequestError:
        raise RosterError(f"{spec.model!r} is no model litellm knows. Write it as provider/model.") from None
    if found is not None and found.provider != provider:
        # Its price would be another provider's.
        raise RosterError(f"{spec.model!r} is one of {provider}. Write it as {provider}/{name}.")
    entry = entry_of(litellm.model_cost, spec.model, name, provider)
    shape = None if entry.get("mode") == "responses" else _SHAPE_OF.get(provider)
    reached = access(spec, provider=provider, known_base=api_base, env=env)
    target = Target(
        provider=provider,
        name=name,
        shape=shape,
        api_base=reached.api_base,
        key=reached.key,
        key_variable=reached.key_from or spec.api_key_env or key_variables(provider)[0],
        supported=frozenset(litellm.get_supported_openai_params(name, provider) or ()),
        is_behind_gateway=reached.is_chosen,
        sampling=spec.sampling.given,
        search_unit=unit_of(provider, entry),
        search_nusd=search_nusd(entry),
    )
    if shape is None:
        return target
    enum = litellm.types.utils.LlmProviders(provider)
    config = litellm.utils.ProviderConfigManager.get_provider_chat_config(name, enum)
    # Gemini's config class has no request body of its own; the function it leaves that to does.
    gemini = importlib.import_module("litellm.llms.vertex_ai.gemini.transformation")
    body_of = gemini.transform_request_body if shape == "gemini" else config.transform_request
    return replace(target, config=config, body_of=body_of)

"""The seam to language models, and the only place that knows litellm, which costs two seconds and 150 MB to import.

litellm translates requests for each provider and knows prices. The three big shapes (OpenAI-like, Anthropic, Gemini)
are then sent over our own HTTP session and read by our own strict readers; every other provider goes through
`litellm.acompletion`, one attempt, not streamed. Nothing retries in here: that is the caller's one loop.
"""

import asyncio
import functools
import importlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version as _version
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from patterns.errors import Charge, ModelError, RosterError
from patterns.faults import Failure, from_status, model_error
from patterns.money import Price
from patterns.ports import Completion, Message, ModelRequest, OnText, PreparedCall
from patterns.quote import SCHEMA_TOKENS, image_tokens_max, input_tokens_max, price_from_map
from patterns.replies import SHAPES, BrokenReplyError, Reading
from patterns.roster_file import ModelSpec

if TYPE_CHECKING:
    from patterns.wire import Http, Wire

_SHAPE_OF = {
    **dict.fromkeys(("openai", "hosted_vllm", "lm_studio", "openrouter", "xai"), "openai"),
    "anthropic": "anthropic",
    "gemini": "gemini",
}
_API_BASE = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
}
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
_ASK_FOR_JSON = "Answer with nothing but one JSON value that matches this JSON Schema:\n"
_UNBILLED_STATUS = frozenset({400, 401, 402, 403, 404, 413, 422, 429})
"""Through acompletion only these prove that nothing was billed: litellm gives lost connections a 5xx of its own."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A model of the roster, resolved: what litellm calls it and how we reach it."""

    provider: str
    name: str
    shape: str | None
    api_base: str | None
    key: str | None = field(repr=False)
    config: Any = field(default=None, repr=False)


class LiteLLMClient:
    """`ports.ModelClient` over the models of a roster; keys come from `env`, which settings hands in."""

    def __init__(self, models: Mapping[str, ModelSpec], env: Mapping[str, str]) -> None:
        self._models = models
        self._env = env
        self._targets: dict[str, _Target] = {}
        self._prices: dict[str, Price] = {}
        self._http: Http | None = None

    async def __aenter__(self) -> Self:
        await self.warm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.aclose()

    async def warm(self) -> None:
        """Import litellm in a thread, so that the loop goes on; without it the first use blocks for two seconds."""
        await asyncio.to_thread(_litellm)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    def price(self, model: str) -> Price:
        """The roster's price, else litellm's; RosterError when neither knows one."""
        known = self._spec(model).price or self._prices.get(model)
        if known is None:
            known = self._prices[model] = self._price_from_map(model)
        return known

    def fallbacks(self, model: str) -> tuple[str, ...]:
        """The roster's fallback models for it, in order."""
        return self._spec(model).fallback

    def prepare(self, request: ModelRequest) -> PreparedCall:
        """Translate without sending anything.

        Raises:
            ModelError: the model cannot take the request, or its body would not carry the output cap.
            RosterError: the model is not in the roster, or has no price.
        """
        spec, target = self._spec(request.model), self._target(request.model)
        images = [image for message in request.messages for image in message.images]
        if images and not spec.sees_images:
            raise _refuse(request, "It does not see images: send text, or set sees_images in the roster.")
        cap = request.max_output_tokens + spec.reasoning_tokens_max
        try:
            body, wire = self._translate(request, target, cap)
        except (_litellm().exceptions.BadRequestError, ValueError, TypeError, KeyError) as error:
            raise _refuse(request, f"litellm could not translate it ({type(error).__name__}).") from error
        # Lone surrogates are no text; escapes such as \\u00e9 would be, at three times the length.
        encoded = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        # Pictures are counted as pictures, not as the bytes of their base64.
        text = functools.reduce(lambda rest, image: rest.replace(image.data_base64, ""), images, encoded.decode())
        framing = spec.framing_tokens + len(images) * image_tokens_max(f"{target.provider}/{target.name}")
        if request.schema is not None:
            framing += SCHEMA_TOKENS
        return PreparedCall(
            request=request,
            body=encoded,
            input_tokens_max=input_tokens_max(text, framing_tokens=framing, messages=len(request.messages)),
            output_tokens_max=_cap_in(body, request),
            images=len(images),
            price=self.price(request.model),
            wire=wire,
        )

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        """One attempt. An empty text is a result, because it was paid for; `on_text` hears streamed pieces in order.

        Raises:
            ModelError: with what it may have cost.
        """
        target = self._target(call.request.model)
        if target.key is None and self._spec(call.request.model).api_base is None and target.shape is not None:
            raise model_error(call.request.model, Failure("auth"), Charge.NOTHING)
        if target.shape is None:
            return await self._complete_by_litellm(call, on_text)
        return await self._open().send(call, on_text)

    def _open(self) -> "Http":
        if self._http is None:
            from patterns.wire import Http  # noqa: PLC0415 - aiohttp must not load with the command line

            self._http = Http()
        return self._http

    async def _complete_by_litellm(self, call: PreparedCall, on_text: OnText | None) -> Completion:
        """Not streamed, because litellm's streams end a cut answer with a finish reason and usage of its own making."""
        litellm, request = _litellm(), call.request
        target = self._target(request.model)
        try:
            async with asyncio.timeout(request.timeout_s):
                reply = await litellm.acompletion(
                    **json.loads(call.body),
                    api_base=target.api_base,
                    api_key=target.key,
                    num_retries=0,
                    max_retries=0,
                    timeout=request.timeout_s,
                )
            reading = Reading(SHAPES["openai"], on_text if request.stream and request.schema is None else None)
            reading.take(reply.model_dump_json().encode())
            return reading.completion(call.images)
        except TimeoutError:
            failure, charge = Failure("timeout"), Charge.UNCERTAIN
        except BrokenReplyError as error:
            failure, charge = error.failure, Charge.UNCERTAIN
        except Exception as error:  # noqa: BLE001 - litellm's exceptions share no root of their own
            failure, charge = _failure_of(error, target.key)
        raise model_error(request.model, failure, charge)

    def _spec(self, model: str) -> ModelSpec:
        try:
            return self._models[model]
        except KeyError:
            raise RosterError(
                f"The roster has no model {model!r}. Add it under models:, or correct the name."
            ) from None

    def _target(self, model: str) -> _Target:
        if model not in self._targets:
            self._targets[model] = self._resolve(self._spec(model))
        return self._targets[model]

    def _resolve(self, spec: ModelSpec) -> _Target:
        litellm = _litellm()
        try:
            name, provider, _, api_base = litellm.get_llm_provider(spec.model)
        except litellm.exceptions.BadRequestError:
            raise RosterError(f"{spec.model!r} is no model litellm knows. Write it as provider/model.") from None
        shape = None if _map_entry(spec.model, name, provider).get("mode") == "responses" else _SHAPE_OF.get(provider)
        enum = litellm.types.utils.LlmProviders(provider)
        variables = [spec.api_key_env] if spec.api_key_env else _key_variables(provider)
        return _Target(
            provider=provider,
            name=name,
            shape=shape,
            api_base=spec.api_base or api_base or _API_BASE.get(provider),
            key=next((key for variable in variables if (key := self._env.get(variable))), None),
            config=litellm.utils.ProviderConfigManager.get_provider_chat_config(name, enum) if shape else None,
        )

    def _price_from_map(self, model: str) -> Price:
        spec, target = self._spec(model), self._target(model)
        entry = _map_entry(spec.model, target.name, target.provider)
        source = f"litellm {_version('litellm')} price map"
        price = price_from_map(entry, model=spec.model, provider=target.provider, source=source)
        if price is None:
            raise RosterError(
                f"No price is known for {model} ({spec.model}). Add `price: {{input_usd_per_mtok: …, "
                f"output_usd_per_mtok: …}}` to it in the roster; 0 is a price."
            )
        return price

    def _translate(self, request: ModelRequest, target: _Target, cap: int) -> tuple[dict[str, Any], "Wire | None"]:
        params = _params(request, target, cap)
        messages = _messages(request, schema_in_words="response_format" not in params)
        if target.shape is None:
            return {"model": f"{target.provider}/{target.name}", "messages": messages, **params}, None
        from patterns.wire import Wire  # noqa: PLC0415 - aiohttp must not load with the command line

        stream = request.stream and request.schema is None
        if stream:
            params["stream"] = True
        body, headers, url = _TRANSLATORS[target.shape](target, messages, params)
        return body, Wire(url, headers, SHAPES[target.shape], stream, (target.key,) if target.key else ())


@functools.cache
def _litellm() -> ModuleType:
    # Both must be set before the import: no price list from the internet, no .env file out of the working folder.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    import litellm  # noqa: PLC0415 - two seconds, so only when a model is really needed

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # its errors quote requests; ours are typed
    return cast("ModuleType", litellm)


def _map_entry(model: str, name: str, provider: str) -> Mapping[str, Any]:
    for key in (model, f"{provider}/{name}", name):
        entry: Mapping[str, Any] = _litellm().model_cost.get(key, {})
        if entry.get("litellm_provider") == provider:
            return entry
    return {}


def _key_variables(provider: str) -> list[str]:
    return ["GEMINI_API_KEY", "GOOGLE_API_KEY"] if provider == "gemini" else [f"{provider.upper()}_API_KEY"]


def _params(request: ModelRequest, target: _Target, cap: int) -> dict[str, Any]:
    """The call in OpenAI's words, which are litellm's."""
    params: dict[str, Any] = {"max_tokens": cap}
    if target.shape is None:
        supported = _litellm().get_supported_openai_params(target.name, target.provider) or []
        if not {"max_tokens", "max_completion_tokens"} & set(supported):
            raise _refuse(request, "Its provider takes no cap on the output, so its price has no bound.")
    else:
        supported = target.config.get_supported_openai_params(target.name)
    if request.schema is not None and "response_format" in supported:
        # Through JSON, because translators change the schema in place.
        schema = json.loads(json.dumps(dict(request.schema)))
        params["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": schema, "strict": _is_strict(schema)},
        }
    return params


def _is_strict(schema: object) -> bool:
    """Whether OpenAI takes the schema as strict: objects name all their fields, require them and allow no others."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    fields = schema.get("properties")
    closed = not isinstance(fields, dict) or (
        schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(fields)
    )
    return closed and all(map(_is_strict, schema.values()))


def _messages(request: ModelRequest, *, schema_in_words: bool) -> list[dict[str, Any]]:
    messages = [{"role": message.role, "content": _content(message)} for message in request.messages]
    if request.schema is not None and schema_in_words:
        messages.insert(0, {"role": "system", "content": _ASK_FOR_JSON + json.dumps(dict(request.schema))})
    return messages


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    urls = [f"data:{image.media_type};base64,{image.data_base64}" for image in message.images]
    return [{"type": "text", "text": message.content}, *({"type": "image_url", "image_url": {"url": u}} for u in urls)]


_Translated = tuple[dict[str, Any], dict[str, str], str]


def _to_openai(target: _Target, messages: list[dict[str, Any]], params: dict[str, Any]) -> _Translated:
    config, base = target.config, target.api_base
    options = config.map_openai_params(params, {}, target.name, drop_params=False)
    headers = config.validate_environment({}, target.name, messages, options, {}, api_key=target.key, api_base=base)
    body = config.transform_request(target.name, messages, options, {}, headers)
    if params.get("stream"):
        body["stream_options"] = {"include_usage": True}
    return body, headers, config.get_complete_url(base, target.key, target.name, options, {})


def _to_anthropic(target: _Target, messages: list[dict[str, Any]], params: dict[str, Any]) -> _Translated:
    config = target.config
    options = config.map_openai_params(params, {}, target.name, drop_params=False)
    options.pop("json_mode", None)  # litellm's note to itself
    headers = config.validate_environment({}, target.name, messages, options, {}, api_key=target.key or "none")
    body = config.transform_request(target.name, messages, options, {}, headers)
    return body, headers, f"{str(target.api_base).rstrip('/').removesuffix('/v1')}/v1/messages"


def _to_gemini(target: _Target, messages: list[dict[str, Any]], params: dict[str, Any]) -> _Translated:
    transformation = importlib.import_module("litellm.llms.vertex_ai.gemini.transformation")
    stream = params.pop("stream", False)
    options = target.config.map_openai_params(params, {}, target.name, drop_params=False)
    body = transformation.transform_request_body(messages, target.name, options, "gemini", {}, None)
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    url = f"{str(target.api_base).rstrip('/')}/models/{target.name}:{method}"
    return body, {"Content-Type": "application/json", "x-goog-api-key": target.key or "none"}, url


_TRANSLATORS = {"openai": _to_openai, "anthropic": _to_anthropic, "gemini": _to_gemini}


def _cap_in(body: Mapping[str, Any], request: ModelRequest) -> int:
    """The cap that is really on the wire; without one the price has no bound and nothing is sent."""
    for place in (body, body.get("generationConfig") or {}):
        for name in _CAPS:
            if isinstance(place.get(name), int) and place[name] > 0:
                return int(place[name])
    raise _refuse(request, "Its request would carry no cap on the output, so its price has no bound.")


def _refuse(request: ModelRequest, why: str) -> ModelError:
    return ModelError(
        f"{request.model} cannot take this request. {why}",
        reason="bad_request",
        retryable=False,
        charge=Charge.NOTHING,
    )


def _failure_of(error: Exception, key: str | None) -> tuple[Failure, Charge]:
    """What an exception of litellm says, by status and by class: its own subclasses are misleading both ways."""
    kinds = _litellm().exceptions
    if isinstance(error, kinds.Timeout):
        return Failure("timeout"), Charge.UNCERTAIN
    status = getattr(error, "status_code", None)
    if not isinstance(status, int) or isinstance(error, kinds.APIConnectionError):
        return Failure("connection"), Charge.UNCERTAIN
    headers = dict(getattr(error, "litellm_response_headers", None) or {})
    failure = from_status(status, json.dumps({"error": str(error)}), headers, (key,) if key else ())
    if isinstance(error, kinds.ContextWindowExceededError):
        failure = replace(failure, reason="context_length")
    elif isinstance(error, kinds.ContentPolicyViolationError):
        failure = replace(failure, reason="content_policy")
    return failure, Charge.NOTHING if status in _UNBILLED_STATUS else Charge.UNCERTAIN

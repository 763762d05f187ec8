"""Translate a request for its provider: litellm's config classes do the work, this drives them and checks the cap.

Nothing here imports litellm; a `Target` brings what is needed of it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from patterns.core.calls import Image, Message, ModelRequest
from patterns.core.errors import Charge, ModelError
from patterns.models import tool_messages
from patterns.models.gemini_schema import declare
from patterns.models.offer import Offer
from patterns.models.reply_search import Searching, Unit
from patterns.models.response_format import response_format
from patterns.models.search_request import search_body, search_tools
from patterns.models.tool_schemas import ToolSchemaError, functions, placeholders

_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
_PENALTY = {
    **dict.fromkeys(("openai", "lm_studio", "ollama", "ollama_chat"), "repeat_penalty"),
    **dict.fromkeys(("hosted_vllm", "openrouter"), "repetition_penalty"),
}
"""What providers call the penalty on repetition; those that are not here take none."""
_PENALTIES = frozenset(_PENALTY.values())
_WANTS_TOOLS = frozenset({"anthropic", "openrouter"})
"""Providers that refuse a history with calls where the tools are not told again, though none may be called."""
_NEEDS_TOOLS = frozenset({"bedrock", "bedrock_converse"})
"""Providers that take no history with calls where no tools are offered, and no word that they may not be called."""
_ASK_FOR_JSON = "Answer with nothing but one JSON value that matches this JSON Schema:\n"
_NO_KEY = "none"
"""What a server without keys is sent where the shape demands a header."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A model of the roster, resolved: its name at litellm and how it is reached.

    `shape` is a key of `shapes.SHAPES`, or None for providers that only `acompletion` speaks to. An address of the
    roster's own may be a gateway's. `config` is litellm's
    config object of the provider, `body_of` what builds a body; None where `acompletion` does both.
    """

    provider: str
    name: str
    shape: str | None
    api_base: str
    key: str | None = field(repr=False)
    supported: frozenset[str]
    is_behind_gateway: bool = False
    sampling: Mapping[str, float | int] = field(default_factory=dict)
    key_variable: str = ""
    config: Any = field(default=None, repr=False)
    body_of: Any = field(default=None, repr=False)
    search_unit: Unit | None = None
    """How the provider bills searches of the web; None where it has none that we can ask for."""
    search_nusd: int | None = None

    @property
    def model(self) -> str:
        """Return the model as thinking is signed with: only the one that wrote it gets it back."""
        return f"{self.provider}/{self.name}"


@dataclass(frozen=True, slots=True)
class Translation:
    """A request ready to serialise. For `acompletion` the body is its arguments and there is no url."""

    body: Json = field(repr=False)
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stream: bool = False
    offer: Offer = field(default_factory=Offer)
    shape: str = ""
    """How the reply is read, where that is not the target's usual way."""
    searching: Searching = field(default_factory=Searching)
    pictures: Mapping[str, Image] = field(default_factory=dict, repr=False)
    """Images by what stands in the body for their base64: they are read only when the body is sent."""


def listing(target: Target) -> tuple[str, dict[str, str]]:
    """Return address and headers of the provider's list of models: free to ask, and shows whether our key is taken."""
    base, key = target.api_base.rstrip("/"), target.key or _NO_KEY
    if target.shape == "anthropic":
        return f"{base.removesuffix('/v1')}/v1/models", {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return f"{base}/models", {"x-goog-api-key": key} if target.shape == "gemini" else {"Authorization": f"Bearer {key}"}


def translate(request: ModelRequest, target: Target, cap: int) -> Translation:
    """Return the body, address and headers of one call that may produce `cap` tokens.

    Raises:
        ModelError: the provider takes no such cap, or litellm lost it on the way; then a price would have no bound.
    """
    if not {"max_tokens", "max_completion_tokens"} & target.supported:
        raise refuse(request, "Its provider takes no cap on the output, so its price has no bound.")
    params: Json = {"max_tokens": cap, **_tools(request, target)}
    # A schema and tools together are refused by some, and read as a tool by others; searches are such tools.
    is_plain = not request.tools and request.search is None
    if request.schema is not None and "response_format" in target.supported and is_plain:
        params["response_format"] = response_format(request.schema)
    params |= _sampling(request, target)
    messages = _messages(request, target, schema_in_words="response_format" not in params)
    extra = {name: params.pop(name) for name in _PENALTIES if name in params}
    if request.stream and request.schema is None and (target.shape or request.search):
        params["stream"] = True
    if request.search is not None:
        return replace(_searching(request, target, messages, params | extra), offer=_offer(request, target, cap))
    if target.shape is None:
        body = {"model": target.model, "messages": messages, **params, **extra}
        return Translation(body, offer=_offer(request, target, cap))
    translation = _TRANSLATORS[target.shape](target, messages, params)
    if target.shape == "anthropic":
        tool_messages.restore_anthropic(
            translation.body, request.messages, provider=target.provider, model=target.model
        )
    translation.body.update(extra)
    return replace(translation, offer=_offer(request, target, cap))


def _searching(request: ModelRequest, target: Target, messages: list[Json], params: Json) -> Translation:
    """Return a request whose provider may search the web while it answers, as that provider asks for it."""
    search, unit = request.search, target.search_unit
    if search is None or unit is None or request.tools or any(message.calls for message in request.messages):
        raise refuse(request, "Its provider cannot search the web in this request.")
    if target.provider == "openai":
        body = search_body(target.name, messages, params, searches_max=search.searches_max)
        if body is None:
            raise refuse(request, "With a search it takes no `sampling` in the roster but temperature and top_p.")
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {target.key or _NO_KEY}"}
        address = f"{target.api_base.rstrip('/')}/responses"
        translation = Translation(body, address, headers, bool(params.get("stream")), shape="responses")
    else:
        translation = _TRANSLATORS[target.shape or ""](target, messages, params)
        translation.body["tools"] = search_tools(target.provider, searches_max=search.searches_max)
        tool_messages.restore_paused(translation.body, request.messages[-1], model=target.model)
    return replace(translation, searching=Searching(search.searches_max, unit))


def _offer(request: ModelRequest, target: Target, cap: int) -> Offer:
    return Offer.of(
        (tool.name for tool in request.tools),
        model=target.model,
        earlier=[call for message in request.messages for call in message.calls],
        turn=len(request.messages),
        output_tokens_max=cap,
    )


def _tools(request: ModelRequest, target: Target) -> Json:
    """Return the tools of a request; where none are offered any more, what its history needs of them.

    Raises:
        ModelError: the model takes no tools, or one of these cannot be told to it.
    """
    if request.tools:
        if "tools" not in target.supported:
            raise refuse(request, "It takes no tools: give the agent another model, or no tools.")
        try:
            return {"tools": functions(request.tools, litellm_to="" if target.shape else target.model)}
        except ToolSchemaError as error:
            raise refuse(request, f"Its provider would refuse its tools: {error}.") from None
    called = [call.name for message in request.messages for call in message.calls]
    return {"tools": placeholders(called), "tool_choice": "none"} if called and target.provider in _WANTS_TOOLS else {}


def cap_in(body: Mapping[str, Any], request: ModelRequest) -> int:
    """Return the output cap that is really in the body; raise ModelError when there is none."""
    for place in (body, body.get("generationConfig") or {}):
        for name in _CAPS:
            if isinstance(place.get(name), int) and place[name] > 0:
                return int(place[name])
    raise refuse(request, "Its request would carry no cap on the output, so its price has no bound.")


def refuse(request: ModelRequest, why: str) -> ModelError:
    """Return the error of a request that was not sent."""
    return ModelError(
        f"{request.model} cannot take this request. {why}",
        reason="bad_request",
        retryable=False,
        charge=Charge.NOTHING,
    )


def _sampling(request: ModelRequest, target: Target) -> Json:
    """Return the model's sampling settings under the names of its provider.

    Raises:
        ModelError: the provider does not take one of them.
    """
    params: Json = {}
    for name, value in target.sampling.items():
        own = _PENALTY.get(target.provider) if name == "repeat_penalty" else name
        if own is None or (own == name and name != "repeat_penalty" and name not in target.supported):
            raise refuse(request, f"Its provider does not take {name}: remove it from `sampling` in the roster.")
        params[own] = value
    return params


def _messages(request: ModelRequest, target: Target, *, schema_in_words: bool) -> list[Json]:
    _check_answers(request)
    told = _told_in_words(request, target)
    messages = [_message(message, target, told) for message in request.messages]
    if request.schema is not None and schema_in_words:
        messages.insert(0, {"role": "system", "content": _ASK_FOR_JSON + json.dumps(dict(request.schema))})
    return messages


def _check_answers(request: ModelRequest) -> None:
    """Raise ModelError where a call of the history has no result, or a result no call: every provider refuses that."""
    calls = [call.id for message in request.messages for call in message.calls]
    answers = [message.answers for message in request.messages if message.role == "tool"]
    if sorted(calls) != sorted(answers) or len(set(calls)) < len(calls):
        raise refuse(request, "The calls of tools and their results do not match.")


def _told_in_words(request: ModelRequest, target: Target) -> frozenset[str]:
    """Return the ids of earlier calls that the provider cannot be told as calls."""
    turns = [message.calls for message in request.messages if message.calls]
    if not request.tools and (target.provider in _NEEDS_TOOLS or "tools" not in target.supported):
        return frozenset(call.id for calls in turns for call in calls)
    if target.model.startswith(
        "vertex_ai/gemini"
    ):  # on this way litellm makes one of equal calls, and is not corrected
        equal = [calls for calls in turns if len({(call.name, call.arguments) for call in calls}) < len(calls)]
        return frozenset(call.id for calls in equal for call in calls)
    return frozenset()


def _message(message: Message, target: Target, told_in_words: frozenset[str]) -> Json:
    if not message.calls and message.role != "tool":
        return {"role": message.role, "content": _content(message)}
    if told_in_words & {message.answers, *(call.id for call in message.calls)}:
        return tool_messages.in_words(message)
    if message.role == "tool":
        return tool_messages.answered(message, provider=target.provider)
    return tool_messages.asked(message, provider=target.provider, model=target.model)


def _content(message: Message) -> str | list[Json]:
    if not message.images:
        return message.content
    urls = [f"data:{image.media_type};base64,{image.data_base64}" for image in message.images]
    return [{"type": "text", "text": message.content}, *({"type": "image_url", "image_url": {"url": u}} for u in urls)]


def _openai(target: Target, messages: list[Json], params: Json) -> Translation:
    config, stream = target.config, bool(params.get("stream"))
    options = config.map_openai_params(params, {}, target.name, drop_params=False)
    headers = config.validate_environment(
        {}, target.name, messages, options, {}, api_key=target.key, api_base=target.api_base
    )
    body = target.body_of(target.name, messages, options, {}, headers)
    if stream:
        body["stream_options"] = {"include_usage": True}
    url = config.get_complete_url(target.api_base, target.key, target.name, options, {})
    return Translation(body, url, headers, stream)


def _anthropic(target: Target, messages: list[Json], params: Json) -> Translation:
    config, stream = target.config, bool(params.get("stream"))
    options = config.map_openai_params(params, {}, target.name, drop_params=False)
    options.pop("json_mode", None)  # litellm's note to itself
    headers = config.validate_environment({}, target.name, messages, options, {}, api_key=target.key or _NO_KEY)
    body = target.body_of(target.name, messages, options, {}, headers)
    return Translation(body, f"{target.api_base.rstrip('/').removesuffix('/v1')}/v1/messages", headers, stream)


def _gemini(target: Target, messages: list[Json], params: Json) -> Translation:
    stream = bool(params.pop("stream", False))
    messages, results = tool_messages.numbered(messages)
    schemas = {tool["function"]["name"]: tool["function"].pop("parameters") for tool in params.get("tools", ())}
    options = target.config.map_openai_params(params, {}, target.name, drop_params=False)
    body = target.body_of(messages, target.name, options, "gemini", {}, None)
    tool_messages.restore_gemini(body, results)
    declare(body, schemas)
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    headers = {"Content-Type": "application/json", "x-goog-api-key": target.key or _NO_KEY}
    return Translation(body, f"{target.api_base.rstrip('/')}/models/{target.name}:{method}", headers, stream)


_TRANSLATORS: dict[str, Callable[[Target, list[Json], Json], Translation]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
}

"""The adapter to language models: it prices, translates and sends.

litellm translates requests for each provider; prices come from its packaged file, without the import. The three big
shapes (OpenAI-like, Anthropic, Gemini) are then sent over our own HTTP session and read by our own strict readers;
every other provider goes through `litellm.acompletion`, one attempt, not streamed. Nothing retries in here: that is the
caller's one loop.
"""

import asyncio
import contextlib
import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import version as _version
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from patterns.core.calls import Completion, Message, ModelRequest, PreparedCall
from patterns.core.errors import ModelError, RosterError
from patterns.core.money import Price
from patterns.core.ports import FileReader, OnText
from patterns.core.tools import ToolSchema
from patterns.core.visible_text import visible_text
from patterns.core.web_search import WebSearch
from patterns.models import tool_messages
from patterns.models.addresses import Access, access
from patterns.models.circuit_breaker import CircuitBreaker, Circuits
from patterns.models.exchange import Exchange, reading_of
from patterns.models.faults import Failure
from patterns.models.pictures import with_tokens
from patterns.models.price_map import Known, entry_of, look_up
from patterns.models.pricing import SCHEMA_TOKENS, TOOLS_TOKENS, image_tokens_max, input_tokens_max, price_from_map
from patterns.models.sdk import is_imported, litellm_sdk, sharing_the_interpreter
from patterns.models.searches import price_nusd, search_refusal, with_search
from patterns.models.targets import resolve
from patterns.models.translate import Target, cap_in, listing, refuse, translate
from patterns.roster.roster import ModelSpec

if TYPE_CHECKING:
    from patterns.models.http import Http


class LiteLLMClient:
    """Implements `ports.ModelClient` for the models of a roster; keys come from `env`, which settings hands in."""

    def __init__(
        self, models: Mapping[str, ModelSpec], env: Mapping[str, str], files: FileReader | None = None
    ) -> None:
        self._models = models
        self._files = files
        self._env = env
        self._targets: dict[str, Target] = {}
        self._prices: dict[str, Price] = {}
        self._known: dict[str, Known] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._http: Http | None = None
        self.circuits = Circuits()

    async def __aenter__(self) -> Self:
        await self.warm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def is_warm(self) -> bool:
        """Return whether calls can be translated without waiting for the import of litellm."""
        return is_imported() and (self._loading is None or self._loading.done())

    async def warm(self) -> None:
        """Wait for litellm, imported once and in a thread; without it the first use blocks for two seconds.

        Raises:
            ImportError: it cannot be imported.
        """
        if self.is_warm:
            return
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(asyncio.to_thread(self._load), name="import litellm")
        await asyncio.shield(self._loading)

    def _load(self) -> None:
        """Import litellm, and what it imports only when a request is translated for the first time."""
        with sharing_the_interpreter():
            litellm_sdk()
            for name in self._models:
                with contextlib.suppress(RosterError):
                    self.refusal(name)

    async def check(self, models: Iterable[str]) -> None:
        """Check that each of these models has a provider and a price.

        litellm is imported only where its files leave that open.

        Raises:
            RosterError: the first one that has not.
        """
        for model in models:
            if self._found(model) is None:
                await self.warm()
                self._target(model)
            self.price(model)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    def price(self, model: str) -> Price:
        """Return the roster's price, else litellm's; raise RosterError when neither knows one."""
        known = self._spec(model).price or self._prices.get(model)
        if known is None:
            known = self._prices[model] = self._price_from_map(model)
        return known

    def listing(self, model: str) -> tuple[str, dict[str, str]] | None:
        """Return address and headers of the provider's list of models, which is free to ask for; None where unknown."""
        target = self._target(model)
        return listing(target) if target.shape is not None and target.api_base else None

    def access(self, model: str) -> Access:
        """Return where a model is reached and with which key, each with its source.

        Raises:
            RosterError: the model is not in the roster, or litellm does not know it.
        """
        target = self._target(model)
        known = None if target.is_behind_gateway else target.api_base
        return access(self._spec(model), provider=target.provider, known_base=known, env=self._env)

    def refusal(self, model: str, tools: tuple[ToolSchema, ...] = ()) -> str:
        """Return why a model cannot take any request, such as sampling it does not know; empty when it can.

        With `tools`: why it cannot be offered these.
        """
        request = ModelRequest(model, (Message("user", "Hi"),), 1, tools=tools)
        try:
            translate(request, self._target(model), 1 + self._spec(model).reasoning_tokens_max)
        except ModelError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - litellm's translators share no root of their own
            return str(refuse(request, f"litellm could not translate it ({type(error).__name__})."))
        return ""

    def search_refusal(self, model: str, search: WebSearch) -> str:
        """Return why the provider of a model cannot search the web for it; empty where it can."""
        return search_refusal(self._target(model), search)

    def search_nusd(self, model: str, search: WebSearch) -> int:
        """Return the price of one search of a model that can, in nano-dollars."""
        return price_nusd(self._target(model), search) or 0

    def fallbacks(self, model: str) -> tuple[str, ...]:
        """Return the roster's fallback models for a model, in order."""
        return self._spec(model).fallback

    def circuit(self, model: str) -> CircuitBreaker:
        """Return the circuit of the address that a model is reached at."""
        target = self._target(model)
        address = urlsplit(target.api_base).netloc.rpartition("@")[2] if target.api_base else target.provider
        return self.circuits.of(target.provider, address)

    def prepare(self, request: ModelRequest) -> PreparedCall:
        """Translate a request without sending anything.

        Raises:
            ModelError: the model cannot take the request, or its body would not carry the output cap.
            RosterError: the model is not in the roster, or has no price.
        """
        spec, target = self._spec(request.model), self._target(request.model)
        shown, pictures = with_tokens(request)
        images = [image for message in shown.messages for image in message.images]
        if images and not spec.sees_images:
            raise refuse(request, "It does not see images: send text, or set sees_images in the roster.")
        cap = request.max_output_tokens + spec.reasoning_tokens_max
        try:
            translation = replace(translate(shown, target, cap), pictures=pictures)
        except ModelError:
            raise
        except Exception as error:  # litellm's translators share no root of their own
            raise refuse(request, f"litellm could not translate it ({type(error).__name__}).") from error
        # Lone surrogates are no text; escapes such as \\u00e9 would be, at three times the length.
        encoded = json.dumps(translation.body, ensure_ascii=False).encode(errors="replace")
        # Pictures are counted as pictures, not as the bytes of their base64; text that repeats one stays text.
        text = functools.reduce(lambda rest, image: rest.replace(image.data_base64, "", 1), images, encoded.decode())
        framing = spec.framing_tokens + len(images) * image_tokens_max(f"{target.provider}/{target.name}")
        framing += tool_messages.thinking_tokens(request.messages, target.model)
        if request.schema is not None:
            framing += SCHEMA_TOKENS
        if request.tools or translation.offer.taken or request.search:
            framing += TOOLS_TOKENS
        call = PreparedCall(
            request=request,
            body=encoded,
            input_tokens_max=input_tokens_max(text, framing_tokens=framing, messages=len(request.messages)),
            output_tokens_max=cap_in(translation.body, request),
            images=len(images),
            price=self.price(request.model),
            wire=translation,
            writes_cache=_may_write_cache(spec, target),
        )
        return with_search(call, target, request.search) if request.search else call

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        """Send one attempt and return its answer. An empty text is an answer, because it was paid for.

        Raises:
            ModelError: with what it may have cost.
        """
        target = self._target(call.request.model)
        shape = call.wire.shape or target.shape
        if target.key is None and not target.is_behind_gateway and shape is not None:
            raise Exchange(call, target, reading_of(call, shape)).error(Failure("auth"))
        if shape is None:
            from patterns.models.acompletion import complete  # noqa: PLC0415 - it brings aiohttp along

            completion = await complete(litellm_sdk(), self._open(), call, target, on_text)
        else:
            completion = await self._open().send(call, target, on_text)
        is_text = call.request.schema is None  # what has a schema is read with its thinking, by `structured`
        return replace(completion, text=visible_text(completion.text)) if is_text else completion

    def _open(self) -> "Http":
        if self._http is None:
            from patterns.models.http import Http  # noqa: PLC0415 - aiohttp must not load with the command line

            self._http = Http(self._files)
        return self._http

    def _spec(self, model: str) -> ModelSpec:
        try:
            return self._models[model]
        except KeyError:
            raise RosterError(
                f"The roster has no model {model!r}. Add it under models:, or correct the name."
            ) from None

    def _target(self, model: str) -> Target:
        if model not in self._targets:
            self._targets[model] = resolve(self._spec(model), self._found(model), self._env)
        return self._targets[model]

    def _found(self, model: str) -> Known | None:
        """Return what litellm's files say of a model, or None where they leave its provider open."""
        if self._known is None:
            self._known = look_up(spec.model for spec in self._models.values())
        return self._known.get(self._spec(model).model)

    def _price_from_map(self, model: str) -> Price:
        spec, found = self._spec(model), self._found(model)
        if found is None:
            target = self._target(model)
            entry = entry_of(litellm_sdk().model_cost, spec.model, target.name, target.provider)
            found = Known(target.name, target.provider, entry)
        source = f"litellm {_version('litellm')} price map"
        price = price_from_map(found.entry, model=spec.model, provider=found.provider, source=source)
        if price is None:
            raise RosterError(
                f"No price is known for {model} ({spec.model}). Add `price: {{input_usd_per_mtok: …, "
                f"output_usd_per_mtok: …}}` to it in the roster; 0 is a price."
            )
        return price


def _may_write_cache(spec: ModelSpec, target: Target) -> bool:
    """Return whether input may be written into a prompt cache: we never ask for that, but a gateway may add it."""
    price = spec.price
    is_priced = price is not None and (price.cache_write_nusd_per_mtok or price.cache_write_1h_nusd_per_mtok)
    return bool(is_priced) or (target.is_behind_gateway and target.shape == "anthropic")

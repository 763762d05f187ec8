"""A model that says what the test scripted, and fails the test on every call nobody expected or made."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from patterns.core.calls import BilledModelError, Completion, Message, ModelRequest, PreparedCall
from patterns.core.errors import Charge, ModelError
from patterns.core.money import Price, Usage
from patterns.core.ports import OnText
from patterns.core.tools import ToolCall
from patterns.core.web_search import WebFindings, WebSearch
from patterns.models.circuit_breaker import CircuitBreaker, Circuits

PRICE = Price(input_nusd_per_mtok=1_000_000_000, output_nusd_per_mtok=2_000_000_000)
"""1,000 nano-dollars per input token, 2,000 per output token."""

USAGE = Usage(input_tokens=100, output_tokens=10)
SEARCH_NUSD = 10_000_000
"""What one search of the web costs at a scripted provider."""
COST_NUSD = 120_000
"""What a scripted reply costs unless it says otherwise."""


@dataclass(frozen=True)
class Say:
    """A reply. `pieces` are streamed first when the call streams; `gate` holds it back until the test opens it.

    With `calls` it asks for tools; `thinking` is what the provider wants back with them.
    """

    text: str = ""
    usage: Usage | None = USAGE
    finish_reason: str = "stop"
    pieces: tuple[str, ...] = ()
    gate: asyncio.Event | None = None
    calls: tuple[ToolCall, ...] = ()
    thinking: str = ""
    found: WebFindings | None = None


def asks(*calls: tuple[str, Mapping[str, Any] | str], text: str = "", turn: int = 1) -> Say:
    """A reply that asks for tools: each a name and its arguments, as an object or as the text a model wrote.

    Ids are `TURN.NUMBER`, so that those of several turns differ.
    """
    made = [
        ToolCall(id=f"{turn}.{number}", name=name, arguments=given if isinstance(given, str) else json.dumps(given))
        for number, (name, given) in enumerate(calls, 1)
    ]
    return Say(text, calls=tuple(made))


@dataclass(frozen=True)
class Fail:
    """A reply that is an error, after `pieces` were streamed; `usage` is its bill, where one was told."""

    reason: str = "server"
    retryable: bool = True
    charge: Charge = Charge.NOTHING
    retry_after_s: float | None = None
    pieces: tuple[str, ...] = ()
    usage: Usage | None = None
    fix: str = ""

    def error(self) -> ModelError:
        told: dict[str, Any] = {
            "reason": self.reason,
            "retryable": self.retryable,
            "retry_after_s": self.retry_after_s,
            "fix": self.fix,
        }
        if self.usage is not None:
            return BilledModelError(f"scripted {self.reason}", usage=self.usage, **told)
        return ModelError(f"scripted {self.reason}", charge=self.charge, **told)


class Hang:
    """A reply that never comes."""


Reply = Say | Fail | Hang | str | Mapping[str, Any]
Script = Callable[[ModelRequest], Reply]


@dataclass
class ScriptedModel:
    """A ModelClient over a queue of replies, or over a function of the request.

    A queue must be empty at the end of `with`; a call past its end fails the test at once.
    """

    replies: list[Reply] | Script
    fallback: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    no_search: Mapping[str, str] = field(default_factory=dict)
    """Why the providers of these models have no web search."""
    requests: list[ModelRequest] = field(default_factory=list)
    billed_nusd: int = 0
    circuits: Circuits = field(default_factory=Circuits)
    at_once: int = 0
    at_once_max: int = 0
    _waiting: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = deque(self.replies) if isinstance(self.replies, list) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            assert not self.queue, f"never asked for: {list(self.queue)}"

    def price(self, model: str) -> Price:
        return self.prices.get(model, PRICE)

    def search_refusal(self, model: str, search: WebSearch) -> str:  # noqa: ARG002 - the port
        return self.no_search.get(model, "")

    def search_nusd(self, model: str, search: WebSearch) -> int:  # noqa: ARG002 - as the client
        return SEARCH_NUSD

    def fallbacks(self, model: str) -> tuple[str, ...]:
        return self.fallback.get(model, ())

    def circuit(self, model: str) -> CircuitBreaker:
        return self.circuits.of("scripted", model)

    def prepare(self, request: ModelRequest) -> PreparedCall:
        said: list[Any] = [[message.role, message.content, *_beside(message)] for message in request.messages]
        said += [[tool.name, tool.description, dict(tool.parameters)] for tool in request.tools]
        body = json.dumps(said, ensure_ascii=False).encode()
        search = request.search
        return PreparedCall(
            request=request,
            body=body,
            input_tokens_max=len(body),
            output_tokens_max=request.max_output_tokens,
            images=sum(len(message.images) for message in request.messages),
            price=replace(self.price(request.model), search_nusd=SEARCH_NUSD) if search else self.price(request.model),
            searches_max=search.searches_max if search else 0,
        )

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        self.requests.append(call.request)
        for count, event in self._waiting:
            if len(self.requests) >= count:
                event.set()
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            return await self._reply(self._next(call.request), call, on_text)
        finally:
            self.at_once -= 1

    async def asked(self, count: int = 1) -> None:
        """Wait until so many calls have come in."""
        event = asyncio.Event()
        self._waiting.append((count, event))
        if len(self.requests) < count:
            await event.wait()

    def _next(self, request: ModelRequest) -> Reply:
        if self.queue is None:
            assert callable(self.replies)
            return self.replies(request)
        assert self.queue, f"nobody expected this call: {request.messages[-1].content[:200]}"
        return self.queue.popleft()

    async def _reply(self, reply: Reply, call: PreparedCall, on_text: OnText | None) -> Completion:
        if isinstance(reply, Hang):
            await asyncio.Event().wait()
        if isinstance(reply, str):
            reply = Say(reply)
        if isinstance(reply, Mapping):
            reply = Say(json.dumps(reply))
        assert isinstance(reply, Say | Fail)
        if on_text is not None:
            for piece in reply.pieces:
                on_text(piece)
        if isinstance(reply, Fail):
            raise reply.error()
        if reply.gate is not None:
            await reply.gate.wait()
        await asyncio.sleep(0)
        if reply.usage is not None:
            self.billed_nusd += call.price.cost_nusd(reply.usage)
        assert not reply.calls or call.request.tools, f"nobody offered a tool: {reply.calls}"
        finish: Any = "tools" if reply.calls else reply.finish_reason
        return Completion(reply.text, reply.usage, finish, reply.calls, reply.thinking, reply.found)


def _beside(message: Message) -> list[str]:
    """What a message holds beside its text: it counts as input."""
    calls = [part for call in message.calls for part in (call.id, call.name, call.arguments)]
    return [*calls, *filter(None, (message.thinking, message.answers))]


def system_of(request: ModelRequest) -> str:
    return request.messages[0].content


def user_of(request: ModelRequest) -> str:
    return request.messages[1].content

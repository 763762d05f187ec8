"""A model call as values: the request, its translated form with a price bound, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from patterns.core.errors import Charge, ModelError
from patterns.core.money import Price, Usage
from patterns.core.tools import ToolCall, ToolSchema
from patterns.core.web_search import WebFindings, WebSearch


@dataclass(frozen=True, slots=True)
class Image:
    """An image for a vision model, with its media type: a stored `file` that is read when it is sent, or base64 data.

    `digest` is the SHA-256 of a stored file, by which a step's input is recognised again.
    """

    media_type: str
    data_base64: str = ""
    file: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. Images go with user messages only.

    An assistant message may carry `calls` of tools, and `thinking`: the provider's own blocks (signatures, reasoning
    items) as JSON, returned byte for byte to the model that wrote them. A tool message answers the call `answers`; one
    that `is_unstored` may be written down nowhere. An assistant's that `is_paused` is continued: `thinking` has all
    of its blocks.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[Image, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    thinking: str = ""
    answers: str = ""
    is_unstored: bool = False
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call, before translation. `model` is the roster's name for it; `schema` asks for JSON of that JSON Schema.

    `tools` are offered to the model; it may then answer with calls instead of a text. `search` lets its provider search
    the web while it answers; with that, no tools are offered.
    """

    model: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    schema: Mapping[str, Any] | None = None
    stream: bool = False
    timeout_s: float = 60.0
    idle_timeout_s: float = 20.0
    tools: tuple[ToolSchema, ...] = ()
    search: WebSearch | None = None


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A request translated for its provider, with an upper bound of its price.

    `input_tokens_max` bounds the input from the bytes of `body`; `output_tokens_max` is what the body itself caps,
    visible and reasoning tokens together. `writes_cache` is whether its input may be written into a prompt cache,
    `searches_max` how many searches of the web it is held for.
    `wire` is private to the client that made it.
    """

    request: ModelRequest
    body: bytes
    input_tokens_max: int
    output_tokens_max: int
    images: int
    price: Price
    wire: Any = None
    writes_cache: bool = False
    searches_max: int = 0

    @property
    def bound_nusd(self) -> int:
        """Return the amount to hold: the upper bound of this one attempt in nano-dollars."""
        return self.price.bound_nusd(
            input_tokens=self.input_tokens_max,
            output_tokens=self.output_tokens_max,
            images=self.images,
            writes_cache=self.writes_cache,
            searches=self.searches_max,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer of one attempt. `usage` None means the provider did not report it: the whole hold is charged.

    `finish_reason` is the provider's, normalised: stop, length, content_filter, tools (it asks for `calls`), paused (a
    long search was interrupted); or `repetition`, when the text was cut because the model was in a loop. `thinking` is
    what `Message` gives back, `found` what was searched, where that was allowed.
    """

    text: str
    usage: Usage | None
    finish_reason: Literal["stop", "length", "content_filter", "tools", "paused", "repetition"]
    calls: tuple[ToolCall, ...] = ()
    thinking: str = ""
    found: WebFindings | None = None


class BilledModelError(ModelError):
    """A model did not answer, but its provider told what that costs: `usage` is the bill."""

    def __init__(self, message: str, *, usage: Usage, **told: Any) -> None:  # noqa: ANN401 - those of ModelError
        super().__init__(message, charge=Charge.BILLED, **told)
        self.usage = usage

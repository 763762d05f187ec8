"""The text of one attempt as it comes in: what is no answer is taken out, and a model in a loop is stopped.

Whole replies and streams take the same way. Used by `patterns.attempts` alone.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from patterns.core.calls import Completion, PreparedCall
from patterns.core.money import Usage
from patterns.core.ports import OnText
from patterns.core.repetition import Repetition, without_repetition
from patterns.core.text import storable
from patterns.core.visible_text import VisibleText, is_blank, visible_text

Send = Callable[[PreparedCall, OnText | None], Coroutine[Any, Any, Completion]]
"""`ModelClient.complete` of a client."""


@dataclass
class Hearing:
    """The text of one attempt. `tell` gets visible pieces; `withdraw` is called when they turned out to be thinking."""

    tell: Callable[[str], None]
    withdraw: Callable[[], None]
    hold_back: bool = False
    _raw: list[str] = field(default_factory=list)
    _withdrawals: int = 0
    _task: asyncio.Task[Completion] | None = None

    def __post_init__(self) -> None:
        self._visible = VisibleText(hold_back=self.hold_back)
        self._repetition = Repetition()

    async def hear(self, send: Send, call: PreparedCall) -> Completion:
        """Send the call and return its answer without what is none; a loop ends it early (`repetition`).

        Raises:
            ModelError: what sending raises.
        """
        if not call.request.stream:
            completion = await send(call, None)
            return completion if call.request.schema is not None else _heard(completion)
        self._task = asyncio.create_task(send(call, self._take))
        try:
            completion = await self._task
        except asyncio.CancelledError as error:
            here = asyncio.current_task()
            if self._repetition.kept is None or (here is not None and here.cancelling()):
                raise
            return self._stopped(call, error)
        if self._repetition.kept is None:
            self._show(self._visible.close())
        return _heard(completion)

    def _take(self, piece: str) -> None:
        """Take a piece as the provider sent it; what comes after a loop was found is not shown."""
        piece = storable(piece)
        if self._repetition.kept is not None:
            return
        self._raw.append(piece)
        if self._repetition.feed(piece):
            # Cancelled at its next wait, the call closes its connection; a reply that is whole already returns first.
            if self._task is not None:
                self._task.cancel()
            return
        self._show(self._visible.feed(piece))

    def _show(self, text: str) -> None:
        if self._visible.withdrawals > self._withdrawals:
            self._withdrawals = self._visible.withdrawals
            self.withdraw()
        if text:
            self.tell(text)

    def _stopped(self, call: PreparedCall, error: asyncio.CancelledError) -> Completion:
        """Return what came before the loop, with the bill as far as it was told, else the most that can have been used.

        No token has less than a byte, and the provider stops writing when we hang up.
        """
        raw = "".join(self._raw)
        told = next((usage for usage in error.args if isinstance(usage, Usage)), None)
        thinking_max = call.output_tokens_max - call.request.max_output_tokens
        made_max = min(call.output_tokens_max, len(raw.encode(errors="replace")) + max(0, thinking_max))
        most = Usage(call.input_tokens_max, made_max, images=call.images, searches=call.searches_max)
        return Completion(_visible(raw[: self._repetition.kept]), told or most, "repetition")


def _heard(completion: Completion) -> Completion:
    text, is_loop = without_repetition(completion.text)
    heard = replace(completion, text=_visible(text))
    # Beside calls the text is a remark: a loop in it is cut, and the calls stand.
    return replace(heard, finish_reason="repetition") if is_loop and not completion.calls else heard


def _visible(text: str) -> str:
    """Return the visible part of a text, empty when a reader would see nothing in it."""
    visible = visible_text(storable(text))
    return "" if is_blank(visible) else visible

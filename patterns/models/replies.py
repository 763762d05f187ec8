"""What providers answer, read strictly: litellm's readers invent a finish reason and usage for a stream that was cut.

Two questions, answered apart: what the reply cost, and whether its text is an answer. A bill that was told counts
whatever became of the text. Pure: JSON in, `Completion` out.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, cast

from patterns.core.calls import Completion
from patterns.core.money import Usage
from patterns.core.ports import OnText
from patterns.models.error_objects import from_error, is_error
from patterns.models.faults import Failure
from patterns.models.offer import Offer
from patterns.models.parts import PARAGRAPH, CallPiece, Part, Piece, SearchPiece, Shape
from patterns.models.paused import blocks_of, returned
from patterns.models.reply_calls import ReplyCalls, TooMuchError
from patterns.models.reply_search import ReplySearch, Searching
from patterns.models.reply_text import LoopError, ReplyText
from patterns.models.told import merged
from patterns.models.written_calls import is_written_call

FinishReason = Literal["stop", "length", "content_filter", "paused"]

_WORDS: dict[FinishReason, str] = {
    "stop": "stop end_turn stop_sequence tool_use tool_calls tool_call function_call eos eos_token end_of_turn "
    "end_of_text complete completed done finished",
    "length": "length max_tokens max_output_tokens model_length max_length model_context_window_exceeded",
    "paused": "pause_turn",
    "content_filter": "content_filter content_filtered refusal safety recitation blocklist prohibited_content spii "
    "language image_safety image_prohibited_content image_recitation guardrail_intervened sensitive error_toxic",
}
_FINISH: dict[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words.split()}
"""Every other word (error, abort, other …), and none at all, is no ending: the text may be half of it."""
_CALLING = frozenset({"tool_use", "tool_calls", "tool_call", "function_call"})
"""Endings with which a model says that it waits for tools."""
_TAKEN_MAX = 50_000
"""Events of a search that are kept while it is read."""
_CHARS_PER_TOKEN_MAX = 64
"""Ordinary text has 4. A count from before the end that is so far below its text is of a beginning only."""


class BrokenReplyError(Exception):
    """The reply cannot be used. Its `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Reading:
    """Collects the parts of one reply, its bill and, at the end, what it is.

    `takes_tool` means that the answer was asked for as a tool call's arguments, `takes_json` that it may be one.
    `offer` are the tools that it may call instead of answering, `searching` the searches that its provider may make.
    """

    def __init__(
        self,
        shape: Shape,
        on_text: OnText | None = None,
        *,
        takes_tool: bool = False,
        takes_json: bool = False,
        offer: Offer | None = None,
        searching: Searching | None = None,
    ) -> None:
        self._shape = shape
        self._search = ReplySearch(searching or Searching())
        self._begins_anew = False
        self._text = ReplyText(on_text)
        self._takes_tool = takes_tool
        self._takes_json = takes_json or takes_tool
        self._calls = ReplyCalls()
        self._offer = offer or Offer()
        self._told: dict[str, Any] = {}
        self._finish: str | None = None
        self._taken: list[Mapping[str, Any]] = []
        """What a search has sent so far: where it is paused, that goes back."""
        self._is_billed = False
        self._is_last = False
        self.has_ended = False
        """The protocol's end has come: nothing behind it matters."""
        self.is_damaged = False
        """A part of the answer is known to be lost, so that the rest is none; its bill is one."""
        self.parts = 0
        """Objects that said something, so that silence can be told from pings."""

    @property
    def is_complete(self) -> bool:
        """Return whether the text has its end and its bill, so that what is still missing is a formality."""
        return self.has_ended or self._is_last or (self._finish is not None and self._is_billed)

    def take(self, loaded: object) -> None:
        """Read one JSON value of the provider.

        Raises:
            BrokenReplyError: not of the shape, an error object, or a loop.
        """
        if is_error(loaded):
            self.take_bill(cast("Mapping[str, Any]", loaded))
            self._take_searches(cast("Mapping[str, Any]", loaded))
            raise BrokenReplyError(from_error(cast("Mapping[str, Any]", loaded)))
        try:
            part = self._shape.read(cast("Mapping[str, Any]", loaded))
            self._collect(part)
            if self._search.is_allowed and len(self._taken) < _TAKEN_MAX:
                self._taken.append(cast("Mapping[str, Any]", loaded))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, LoopError):
            if isinstance(loaded, Mapping):
                self._bill(loaded.get("usage") or loaded.get("usageMetadata"), is_final=False)
            raise BrokenReplyError(Failure("malformed")) from None

    def _collect(self, part: Part) -> None:
        if part != Part():
            self.parts += 1
        self._finish = str(part.finish) if part.finish else self._finish
        # Counts from before the ending are of a part: Anthropic opens with 1, Gemini counts on the way.
        self._bill(part.usage, is_final=part.is_bill or self._finish is not None)
        if part.error is not None:
            self._count_searches(part)
            raise BrokenReplyError(from_error({"error": part.error}))
        try:
            for piece in part.pieces:
                self._take_piece(piece)
        except TooMuchError:
            self.is_damaged = True
            raise
        if (part.text or part.pieces) and not part.finish and self._finish is None and not self.has_ended:
            self._is_billed = False  # what is still going on was only counted so far
        if part.text:
            self._add_text(part)
        if part.whole:
            self._text.complete_to(part.whole)
        self._is_last = self._is_last or part.is_last
        if part.has_ended:
            self.end()

    def _take_searches(self, loaded: Mapping[str, Any]) -> None:
        """Note the searches that a failed reply made before it failed."""
        with suppress(ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            self._count_searches(self._shape.read(loaded))

    def _count_searches(self, part: Part) -> None:
        for piece in part.pieces:
            if isinstance(piece, SearchPiece):
                self._search.take(piece)

    def _take_piece(self, piece: Piece) -> None:
        if isinstance(piece, SearchPiece):
            self._search.take(piece)
            self._begins_anew = self._begins_anew or piece.pauses
        elif not (isinstance(piece, CallPiece) and self._search.takes_input(piece)):
            self._calls.take(piece)

    def _add_text(self, part: Part) -> None:
        """Add a piece of text; what was said before a search is a paragraph of its own."""
        begins_anew, self._begins_anew = self._begins_anew, False
        if begins_anew and self._text:
            self._text.add(PARAGRAPH)
        self._text.add(part.text, is_last=part.finish is not None)

    def take_bill(self, loaded: Mapping[str, Any]) -> None:
        """Note the bill in an object that is no answer, such as an error."""
        self._bill(loaded.get("usage") or loaded.get("usageMetadata"), is_final=True)

    def _bill(self, usage: object, *, is_final: bool) -> None:
        usage = usage[-1] if isinstance(usage, list) and usage else usage
        self._told = merged(self._told, usage)
        self._is_billed = self._is_billed or bool(is_final and usage)

    def end(self) -> None:
        """Note that the protocol's end has come."""
        self.has_ended = True

    def usage(self, images: int) -> Usage | None:
        """Return the bill as the provider told it, or None when it did not, or not credibly: every call has input."""
        told = self._shape.count(self._told) if self._is_billed or self._is_last or self.has_ended else None
        if told is None or not told.input_tokens:
            return None
        told = replace(told, images=images, searches=self._search.billed(self._told))
        chars_max = told.output_tokens * (math.inf if told.output_tokens and self._is_billed else _CHARS_PER_TOKEN_MAX)
        return told if len(self._text.finish()) + self._calls.chars <= chars_max else None

    def completion(self, images: int, failure: Failure | None = None) -> Completion:
        """Return the whole answer, or the calls in place of one. An empty one is a result too: it was paid for.

        `failure` is what happened to the connection; it does not matter to a reply that has its finish reason.

        Raises:
            BrokenReplyError: there is no finish reason, so the answer was cut; or one that is no ending; or calls that
                nobody can answer, or none where some were announced.
        """
        ending = (self._finish or "").strip().lower()
        finish = _FINISH.get(ending)
        if finish == "paused" and not self._search.is_allowed:
            finish = None  # nothing that could be long was asked for
        if self.is_damaged:
            raise BrokenReplyError(failure or Failure("malformed"))
        if finish is None:
            raise BrokenReplyError(failure or Failure("truncated" if self.parts else "malformed"))
        if self._takes_json or finish == "content_filter":
            return self._said(self._final_text(), images, finish)
        if self._calls and self._offer.names:
            return self._asked(images, is_cut=finish == "length")
        if self._lacks_answer(is_calling=ending in _CALLING):
            raise BrokenReplyError(Failure("calls" if self._calls else "malformed"))
        return self._said(self._text.finish(), images, finish)

    def _said(self, text: str, images: int, finish: FinishReason) -> Completion:
        usage = self.usage(images)
        back = self._paused(usage) if finish == "paused" else ""
        return Completion(text, usage, finish, thinking=back, found=self._search.findings(self._told))

    def _paused(self, usage: Usage | None) -> str:
        """Return what goes back to go on with a paused turn; empty where it was not understood, or not counted."""
        if usage is None or len(self._taken) >= _TAKEN_MAX:
            return ""
        with suppress(ValueError, TypeError, RecursionError):
            tokens = usage.input_tokens + usage.output_tokens
            return returned(blocks_of(self._taken), model=self._offer.model, tokens=tokens)
        return ""

    def _asked(self, images: int, *, is_cut: bool) -> Completion:
        usage = self.usage(images)
        tokens = self._offer.output_tokens_max if usage is None else usage.output_tokens
        calls = self._calls.calls(self._offer, is_cut=is_cut)
        thinking = self._calls.thinking(self._offer, tokens=tokens)
        return Completion(self._text.finish(), usage, "tools", calls, thinking)

    def _lacks_answer(self, *, is_calling: bool) -> bool:
        """Return whether the reply waits for tools that nobody calls: its text is a preface, if there is one."""
        if not self._calls:
            known = {*self._offer.names, *self._offer.called}
            return (is_calling and bool(self._offer.names)) or is_written_call(self._text.finish(), known)
        return is_calling or bool(self._offer.taken) or not self._text.finish().strip()

    def _final_text(self) -> str:
        """Return the text people or code will read: what was said, or the arguments where a tool call was wanted."""
        text, arguments = self._text.finish(), self._calls.arguments()
        if arguments and (self._takes_tool or (self._takes_json and not text.strip())):
            return arguments
        return text

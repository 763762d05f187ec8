"""One attempt under way: what was sent, what has come back, and what that comes to in money and in words.

Both ways to a provider end here, our own HTTP and litellm's `acompletion`, so both are as strict.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from patterns.core.calls import Completion, PreparedCall
from patterns.core.errors import Charge, ModelError
from patterns.core.ports import OnText
from patterns.models.faults import Failure, from_status, model_error
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.shapes import SHAPES
from patterns.models.translate import Target
from patterns.models.waits import retry_after_s

_GAVE_UP = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT, *range(520, 528)})
"""What a gateway says when it stops waiting for a model, which may go on writing and send the bill."""


@dataclass(slots=True)
class Exchange:
    """One attempt; `is_sent` once the request's headers were written: before that, no failure can cost anything."""

    call: PreparedCall
    target: Target
    reading: Reading
    is_sent: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def outcome(self, failure: Failure | None = None, cause: BaseException | None = None) -> Completion:
        """Return the answer, if it came to its end, whatever happened to the connection then.

        Raises:
            ModelError: no answer; with its bill, if one was told, else with what it may have cost.
        """
        try:
            return self.reading.completion(self.call.images, failure)
        except BrokenReplyError as error:
            raise self.error(error.failure) from cause

    def refused(self, status: int, body: bytes) -> ModelError:
        """Return the error of a reply with another status than 200."""
        text = body.decode(errors="replace")
        self.reading.take_bill(_object(text))
        return self.error(from_status(status, text, self.headers, self.target.key or ""))

    def error(self, failure: Failure) -> ModelError:
        """Return the error of a reply that is no answer, or of none."""
        is_free = not self.is_sent or (failure.status is not None and self._costs_nothing(failure.status))
        wait_s = failure.retry_after_s if failure.retry_after_s is not None else retry_after_s(self.headers)
        key = self.target.key or ""
        cleaned = failure.detail.replace(key, "***") if key else failure.detail
        return model_error(
            self.call.request.model,
            replace(failure, retry_after_s=wait_s, detail=cleaned),
            Charge.NOTHING if is_free else Charge.UNCERTAIN,
            usage=self.reading.usage(self.call.images),
            fix=self._fix(failure.reason),
        )

    def _costs_nothing(self, status: int) -> bool:
        """Return whether an error of this status, before any output, is known not to be billed."""
        gave_up = self.target.is_behind_gateway and status in _GAVE_UP
        return not self.reading.parts and status >= HTTPStatus.MULTIPLE_CHOICES and not gave_up

    def _fix(self, reason: str) -> str:
        """Return what an admin can do, naming the very line or variable."""
        model = self.call.request.model
        if reason == "auth" and self.target.key_variable:
            is_there = "check" if self.target.key else "set"
            return f"An admin must {is_there} {self.target.key_variable}."
        if reason == "output_cap":
            return (
                f"An admin must lower max_output_tokens of the agent or reasoning_tokens_max of the model {model} in "
                f"the roster: together they allow {self.call.output_tokens_max}."
            )
        return ""


def reading_of(call: PreparedCall, shape: str, on_text: OnText | None = None) -> Reading:
    """Return an empty reading of a call's reply; `on_text` hears it only where the call was to be streamed."""
    request, wire = call.request, call.wire
    wants_json = request.schema is not None and not request.tools
    return Reading(
        SHAPES[wire.shape or shape],
        on_text if request.stream and request.schema is None else None,
        takes_tool=wants_json and request.search is None and bool(wire.body.get("tools")),
        takes_json=wants_json,
        offer=wire.offer,
        searching=wire.searching,
    )


def _object(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

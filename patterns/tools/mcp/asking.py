"""Servers that ask people something in the middle of a call, in both eras of the protocol.

From 2026-07-28 on a question is the result of the call it belongs to. Before, a server sends it on the connection and
waits, and over standard streams nothing says which call it is for: it is taken for that of the one call under way, and
declined where there are several, perhaps of different people. Of a server that has asked once, calls that may be asked
are made one by one.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from patterns.core.forms import Form, FormAnswer, FormAnswers
from patterns.core.tools import ToolOutput
from patterns.tools.forms import MESSAGE_CHARS, refusal

if TYPE_CHECKING:
    from mcp.client.session import ClientRequestContext
    from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, ErrorData, InputRequiredResult

ROUNDS_MAX = 10
"""Times that one call may say that it needs more, counting those that only wait."""
WAIT_S = 0.25
_SEVERAL = "several calls were under way, and nobody can tell which of them it was for; call it again"
DECLINE, CANCEL = FormAnswer(action="decline"), FormAnswer(action="cancel")

Resend = Callable[[Mapping[str, Any] | None, str | None], Awaitable["CallToolResult | InputRequiredResult"]]
"""Sends a call again with the responses to what its server asked, and the state that came with that."""


@dataclass
class AskedCall:
    """One call under way: the answers it came with, what its server asked beside them, and why that was declined."""

    answers: FormAnswers
    form: Form | None = None
    declined: list[tuple[Form, str]] = field(default_factory=list)

    def answer(self, form: Form) -> FormAnswer:
        """Return what a server is told; what nobody was asked yet ends the call with `form`."""
        if form.key in self.answers.given:
            return self.answers.given[form.key]
        why = self.answers.refusal or refusal(form)
        if why:
            self.declined.append((form, why))
            return DECLINE
        self.form = self.form or form
        return CANCEL

    def told(self, output: ToolOutput) -> ToolOutput:
        """Return what a call came to: the form it waits for, or its output with what was declined."""
        if self.form is not None:
            return ToolOutput("", form=self.form)
        said = [f"(Its server asked a person: “{one.message}” That was declined: {why}.)" for one, why in self.declined]
        return replace(output, text="\n\n".join([output.text, *said])) if said else output


class Asking:
    """The questions of one connection; `masked` takes out what nobody may read."""

    def __init__(self, masked: Callable[[str], str] = str) -> None:
        self._masked = masked
        self._under_way: list[AskedCall] = []
        self._one_by_one = asyncio.Lock()
        self._has_asked = False

    @asynccontextmanager
    async def call(self, answers: FormAnswers) -> AsyncIterator[AskedCall]:
        """Hold a place for a call; where its server asks people, one that may be asked waits for the one before."""
        waits = self._has_asked and not answers.refusal
        if waits:
            await self._one_by_one.acquire()
        asked = AskedCall(answers)
        self._under_way.append(asked)
        try:
            yield asked
        finally:
            self._under_way.remove(asked)
            if waits:
                self._one_by_one.release()

    async def on_request(
        self, context: "ClientRequestContext", params: "ElicitRequestParams"
    ) -> "ElicitResult | ErrorData":
        """Answer a question that came on the connection; its context does not say for which call."""
        del context
        self._has_asked = True
        form = form_of(params, self._masked)
        if len(self._under_way) == 1:
            return result_of(self._under_way[0].answer(form))
        for call in self._under_way:
            call.declined.append((form, _SEVERAL))
        return result_of(CANCEL)


async def answered(
    asked: AskedCall,
    result: "CallToolResult | InputRequiredResult",
    resend: Resend,
    masked: Callable[[str], str] = str,
) -> "CallToolResult | None":
    """Answer what a call's result asks, as far as the answers are there; return what it ends with.

    None where a form waits for somebody, or the server wants what nobody here can give.
    """
    from mcp_types import CallToolResult, ElicitRequest  # noqa: PLC0415 - with the SDK

    for _ in range(ROUNDS_MAX):
        if isinstance(result, CallToolResult):
            return result
        responses: dict[str, Any] = {}
        for key, request in (result.input_requests or {}).items():
            if not isinstance(request, ElicitRequest):
                asked.declined.append((Form(message=request.method), "only people can be asked, by a form"))
                return None
            responses[key] = result_of(asked.answer(form_of(request.params, masked)))
        if asked.form is not None:
            return None
        if not responses:
            await asyncio.sleep(WAIT_S)
        result = await resend(responses or None, result.request_state)
    asked.declined.append((Form(message="(again and again)"), f"a call may ask in {ROUNDS_MAX} rounds at most"))
    return None


def form_of(params: "ElicitRequestParams", masked: Callable[[str], str] = str) -> Form:
    """Return what a server asks, without what `masked` takes out; its message is cut."""
    message = masked(params.message)[:MESSAGE_CHARS]
    if params.mode == "url":
        return Form(message=message, url=masked(params.url))
    return Form(message=message, fields_json=masked(json.dumps(params.requested_schema)))


def forms_in(data: object, masked: Callable[[str], str] = str) -> list[Form]:
    """Return the addresses that an error of 2025-11-25 says must be opened first."""
    from mcp_types import ElicitationRequiredErrorData  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return [form_of(one, masked) for one in ElicitationRequiredErrorData.model_validate(data).elicitations]
    except ValidationError:
        return []


def result_of(answer: FormAnswer) -> "ElicitResult":
    """Return an answer in the protocol's form."""
    from mcp_types import ElicitResult  # noqa: PLC0415

    content = answer.values if answer.action == "accept" and answer.values else None
    return ElicitResult(action=answer.action, content=content)


def call_result() -> Any:  # noqa: ANN401 - a type of pydantic's, of types that are imported late
    """Return how the result of a call is read: an answer, or a question."""
    from mcp_types import CallToolResult, InputRequiredResult  # noqa: PLC0415
    from pydantic import Field, TypeAdapter  # noqa: PLC0415

    return TypeAdapter(Annotated[InputRequiredResult | CallToolResult, Field(union_mode="left_to_right")])

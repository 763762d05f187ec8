"""What a server asks in the middle of a call: journalled, put to a person, answered when the call is sent again.

A server waits for seconds, a person takes hours, so the call ends where it asks and is made again with the answer. That
is why only a tool that may be repeated can ask.
"""

from dataclasses import dataclass

from patterns.core.forms import NOBODY_TO_ASK, Form, FormAnswer, FormAnswers
from patterns.core.questions import Decision, Question
from patterns.services import Services, join
from patterns.tools.approvals import APPROVAL_S, REMINDER_S, asked
from patterns.tools.judging import Judged

FORMS_MAX = 3
"""Forms that the server of one call may have filled in."""
FORM = "form"
_ACTS = FormAnswers(refusal="only a tool that may be repeated (retry_safe) can ask a person")


@dataclass(frozen=True, slots=True)
class AskingBack:
    """The forms of the calls of one step."""

    services: Services
    agent: str
    may_ask: bool = True

    async def answers(self, path: str, one: Judged) -> FormAnswers:
        """Return what people answered so far about a call.

        Raises:
            ParkedError: a form waits for somebody.
        """
        if one.tool is None or not one.tool.spec.retry_safe:
            return _ACTS
        if not self.may_ask:
            return NOBODY_TO_ASK
        given: dict[str, FormAnswer] = {}
        for number in range(1, FORMS_MAX + 1):
            kept = await self.services.find_decision(join(path, FORM, number))
            if kept is None:
                return FormAnswers(given)
            form = Form.model_validate_json(kept.text)
            given[form.key] = await self._ask(join(path, FORM, number), one, form)
        return FormAnswers(given, refusal=f"a call may ask {FORMS_MAX} times at most")

    async def ask(self, path: str, one: Judged, form: Form, *, number: int) -> None:
        """Put a form to a person.

        Raises:
            ParkedError: nobody has answered yet.
        """
        at = join(path, FORM, number)
        await self.services.record_decision(at, text=form.model_dump_json())
        await self._ask(at, one, form)

    async def _ask(self, at: str, one: Judged, form: Form) -> FormAnswer:
        assert one.tool is not None  # noqa: S101 - only calls that were sent ask
        spec = one.tool.spec
        question = Question(
            kind="form",
            title=spec.name,
            draft=form.model_dump_json(),
            deadline_s=APPROVAL_S,
            reminder_s=REMINDER_S,
            approvers=spec.approvers,
            calls=(asked(self.agent, one),),
            approve_by=spec.approve_by,
        )
        decision = await self.services.decisions.ask(self.services.fence, join(at, "answer"), question)
        return _answer(decision)


def _answer(decision: Decision) -> FormAnswer:
    if decision.verdict == "answer":
        return FormAnswer.model_validate_json(decision.text)
    return FormAnswer(action="decline" if decision.verdict == "deny" else "cancel")

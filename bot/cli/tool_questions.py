"""Questions about tools in a shell: whether a call may be made, and what became of one that nobody knows about."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import click

from bot.messages.mrkdwn import clean
from patterns.core.forms import Form, FormAnswer
from patterns.core.money import format_usd
from patterns.core.questions import Decision, Question
from patterns.core.tools import RUN_GRANT_CALLS, AskedCall
from patterns.tools.forms import FormField, MistypedError, fields_of, value_of

_APPROVALS = {"a": "once", "r": "run"}
_OUTCOMES = {"y": "done", "n": "again", "u": "none"}


def covers(approved: frozenset[str], tool: str) -> bool:
    """Return whether a tool was approved beforehand, by its name or by that of its server."""
    return tool in approved or tool.partition(".")[0] in approved


def goes_to(call: AskedCall) -> str:
    """Return in words where the arguments of a call can end up."""
    if call.reach == "anywhere":
        return "can send what it is given anywhere"
    server = call.tool.partition(".")[0]
    return f"goes to {server}" if call.reach == "service" else "stays with the model's provider"


TRIES = 3
"""Times that a field is asked for before the form counts as declined."""
_DECLINED = object()


def _answered(values: dict[str, Any]) -> Decision:
    return Decision(verdict="answer", text=FormAnswer(action="accept", values=values).model_dump_json())


def _told(default: object) -> str:
    """Return a default as one would type it."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return ", ".join(map(str, default)) if isinstance(default, list) else "" if default is None else str(default)


@dataclass(frozen=True)
class ToolQuestions:
    """Asks the person at the terminal. `approved` are tools approved beforehand by `--approve`."""

    say: Callable[[str], None]
    read: Callable[[str], Awaitable[str]]
    is_manned: bool
    approved: frozenset[str] = frozenset()

    async def decide(self, question: Question) -> Decision:
        """Return what the person decides, or what holds where nobody can be asked."""
        if question.kind == "form":
            return await self._form(question)
        return await (self._outcome(question) if question.kind == "outcome" else self._approval(question))

    async def _approval(self, question: Question) -> Decision:
        for call in question.calls:
            self.say(self._shown(call))
        if all(covers(self.approved, call.tool) for call in question.calls):
            self.say("Approved beforehand.")
            return Decision(verdict="approve")
        if not self.is_manned:
            names = " ".join(dict.fromkeys(f"--approve {call.tool}" for call in question.calls))
            self.say(f"That needs an approval, and nobody can be asked here. Add {names} to approve it beforehand.")
            return Decision(verdict="deny", text="Nobody could be asked.")
        costs = f" It costs {format_usd(question.amount_nusd)}." if question.amount_nusd else ""
        asked = f"Approve once, for this run (up to {RUN_GRANT_CALLS} further calls), or deny?{costs} [a/r/d] "
        said = (await self.read(asked))[:1].lower()
        if said in _APPROVALS:
            return Decision.model_validate({"verdict": "approve", "scope": _APPROVALS[said]})
        why = await self.read("Why? The agent is told; Enter for nothing. ") if said == "d" else ""
        return Decision(verdict="deny", text=why)

    async def _outcome(self, question: Question) -> Decision:
        for call in question.calls:
            self.say(self._shown(call))
        self.say("That was sent before, and nobody knows whether it was done: no answer came.")
        if not self.is_manned:
            self.say("Nobody can be asked here, so it is not done again and counts as unknown.")
            return Decision(verdict="expired")
        said = (await self.read("Was it done? Look first. Yes; no, so do it now; or unknown. [y/n/u] "))[:1].lower()
        return Decision.model_validate({"verdict": _OUTCOMES.get(said, "none")})

    async def _form(self, question: Question) -> Decision:
        form, server = Form.model_validate_json(question.draft), question.title.partition(".")[0]
        self.say(click.style("? ", fg="yellow") + f"{server} asks, before {question.title} can go on:")
        self.say(clean(form.message))
        if not self.is_manned:
            self.say("Nobody can be asked here, so it is declined.")
            return Decision(verdict="deny")
        if form.url:
            self.say(f"It wants you to open {clean(form.url)} yourself; nothing opens by itself.")
            done = (await self.read("Done? [y/n] "))[:1].lower() == "y"
            return _answered({}) if done else Decision(verdict="deny")
        self.say(f"What you type goes to {server}. Enter takes what is in brackets; a single - declines.")
        values: dict[str, Any] = {}
        for field in fields_of(form):
            value = await self._value(field)
            if value is _DECLINED:
                return Decision(verdict="deny")
            if value is not None:
                values[field.name] = value
        return _answered(values)

    async def _value(self, field: FormField) -> Any:  # noqa: ANN401 - a value of JSON
        """Return what the person types for a field, `_DECLINED` when they give up."""
        default = _told(field.default)
        options = f" ({', '.join(clean(label) for _, label in field.options)})" if field.options else ""
        yes_no = " (yes or no)" if field.kind == "yes_no" else ""
        hint = f" {clean(field.hint)}" if field.hint else ""
        prompt = f"{clean(field.label)}{options}{yes_no}{hint}{f' [{clean(default)}]' if default else ''}: "
        for _ in range(TRIES):
            said = await self.read(prompt) or default
            if said == "-":
                return _DECLINED
            try:
                return value_of(field, said.split(", ") if field.kind == "some_of" else said)
            except MistypedError as error:
                self.say(str(error))
        return _DECLINED

    @staticmethod
    def _shown(call: AskedCall) -> str:
        note = f" {call.note}" if call.note else ""
        head = click.style("? ", fg="yellow") + f"{call.agent} wants to call {call.tool}, which {goes_to(call)}.{note}"
        return f"{head}\n{clean(call.arguments)}"

"""Sentences of decisions: who decided what on a card, and when."""

from bot.messages.run_text import moment
from patterns.core.ports import Decision, Question

_SAID = {
    "approve": "{name} approved this draft",
    "changes": "{name} asked for changes: {text}",
    "edit": "{name} edited the draft; the edited text is the answer",
    "stop": "{name} ended it here",
    "none": "{name} said to go on",
    "run": "{name} said Run",
    "instead": "{name} chose the cheaper way",
    "cancel": "{name} declined",
    "expired": "Nobody decided in time",
}
_BY_ITSELF = {
    "money": {"run": "There is money again, so I went on", "expired": "No money came in time"},
    "line": {"run": "The money is free, so I began", "expired": "The money did not come free, so I did not begin"},
}


def decided(question: Question, decision: Decision, *, name: str, zone: str) -> str:
    """Return a sentence like `Dana approved this draft · 23 Nov 14:02 UTC`."""
    said = _BY_ITSELF.get(question.kind, {}).get(decision.verdict, "")
    said = said or _SAID[decision.verdict].format(name=name or "Somebody", text=decision.text)
    return f"{said} · {moment(decision.at_us, zone)}"

"""Sentences of decisions: who decided what on a card, and when."""

from bot.messages.run_text import moment
from patterns.core.events import Reviewed
from patterns.core.money import format_usd
from patterns.core.questions import Decision, Question

_SAID = {
    "approve": "{name} approved this draft",
    "changes": "{name} asked for changes: {text}",
    "edit": "{name} edited the draft; the edited text is the answer",
    "stop": "{name} stopped it",
    "none": "{name} let it continue",
    "run": "{name} accepted the price",
    "instead": "{name} chose the cheaper flow",
    "cancel": "{name} declined",
    "expired": "Nobody decided in time",
}
_BY_KIND = {
    "confirm": {"expired": "Nobody agreed to the price"},
    "money": {"run": "More budget came, so it continued", "expired": "No budget came in time"},
    "tool": {
        "approve": "{name} approved it{scope}",
        "deny": "{name} denied it{reason}",
        "expired": "Nobody decided in time, so it counts as denied",
    },
    "outcome": {
        "done": "{name} said that it was done",
        "again": "{name} had it done again",
        "expired": "Nobody decided in time, so the agent went on without knowing",
    },
    "form": {
        "answer": "{name} answered it",
        "deny": "{name} declined it",
        "expired": "Nobody answered in time, so it was declined",
    },
    "line": {
        "run": "Enough budget came free, so it started",
        "expired": "Not enough budget came free in time, so it did not start",
    },
}


_MOOT = "No longer needed"
_SCOPES = {"once": " once", "run": " for this request", "standing": " and had it stop asking here for 30 days"}


def decided(question: Question, decision: Decision, *, name: str, zone: str) -> str:
    """Return a sentence like `Dana approved this draft · 23 Nov 14:02 UTC`."""
    return f"{decision_words(question, decision, name=name)} · {moment(decision.at_us, zone)}"


def decision_words(question: Question, decision: Decision, *, name: str) -> str:
    """Return a decision as a clause like `Dana approved this draft`."""
    said = _MOOT if decision.verdict == "none" and not decision.user else ""
    said = said or _BY_KIND.get(question.kind, {}).get(decision.verdict, "") or _SAID[decision.verdict]
    words = {"name": name or "Somebody", "text": decision.text, "scope": _SCOPES[decision.scope]}
    return said.format(**words, reason=f": {decision.text}" if decision.text else "")


def question_words(question: Question) -> str:
    """Return what people were asked, as a heading like `The draft of round 2`."""
    return {
        "confirm": f"The price, up to {format_usd(question.amount_nusd)}",
        "money": f"{format_usd(question.amount_nusd)} more budget",
        "line": f"{format_usd(question.amount_nusd)} that other requests held",
        "tool": question.title or "A tool",
        "outcome": question.title or "What became of a tool's call",
        "form": f"What the server of {question.title or 'a tool'} asks",
    }.get(question.kind, f"The draft of round {question.round}")


def round_words(event: Reviewed) -> str:
    """Return a review in one line, like `Round 1: not accepted, 6 of 10. Tone: warmer; Length: shorter`."""
    verdict = "accepted" if event.accepted else "not accepted"
    changes = (line.strip().removeprefix("- ").rstrip(";") for line in event.feedback.splitlines())
    return f"Round {event.round}: {verdict}, {event.score} of 10. {'; '.join(filter(None, changes))}".rstrip()

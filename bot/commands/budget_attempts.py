"""What people type who want to change a budget and do not know the command: the form is opened with their value. Pure.

Only texts that say nothing else are taken; a sentence that merely begins alike stays a request.
"""

import re
from typing import Literal

from bot.commands.budget import EditBudget
from bot.commands.budget_values import read_amount, read_percents
from patterns.core.money import NUSD_PER_USD

Field = Literal["limit", "grant", "user_cap", "alerts"]

_SET = r"(?:please\s+)?(?:set|change|raise|increase|lower|reduce|make)\s+"
_WHOSE = r"(?:(?:the|our|my|this|a)\s+)?(?:channel(?:'s)?\s+)?(?:monthly\s+)?"
_AMOUNT = r"(?P<amount>[-$€£¥₹]?\s*\d[\d.,]*\s*(?:usd|dollars?|eur|euros?|gbp|pounds?|chf|jpy|inr|€|£)?)"
_MONTHLY = r"(?:\s*(?:/|a|per)\s*month)?"
_AMOUNTS: tuple[tuple[Field, str], ...] = (
    ("limit", rf"{_SET}{_WHOSE}(?:budget|limit)(?:\s+limit)?(?:\s+to)?\s+{_AMOUNT}{_MONTHLY}"),
    ("limit", rf"(?:budget\s+)?(?:budget|limit)(?:\s*[:=]|\s+to|\s+is)?\s+{_AMOUNT}{_MONTHLY}"),
    ("grant", rf"(?:raise|increase)\s+{_WHOSE}(?:budget|limit)\s+by\s+{_AMOUNT}"),
    ("grant", rf"(?:please\s+)?(?:grant|(?:budget\s+)?add)\s+{_AMOUNT}(?:\s+more)?\s+to\s+{_WHOSE}(?:budget|limit)"),
    ("grant", rf"(?:grant|budget\s+add|budget\s+\+)\s*{_AMOUNT}"),
    ("user_cap", rf"(?:{_SET})?{_WHOSE}(?:budget\s+)?(?:user[-\s])?cap(?:\s+to)?\s+{_AMOUNT}{_MONTHLY}"),
)
_PATTERNS = tuple((field, re.compile(pattern, re.IGNORECASE)) for field, pattern in _AMOUNTS)
_ALERTS = re.compile(
    rf"(?:{_SET})?{_WHOSE}(?:budget\s+)?alerts?(?:\s+(?:to|at))?\s+(?P<percents>[\d\s,%]+)", re.IGNORECASE
)
_KEPT = re.compile(r"(?P<field>limit|grant|user_cap|alerts):(?P<value>[\d. ]{1,60})")


def budget_attempt(said: str) -> EditBudget | None:
    """Return the form to open with the value in it; None for text that says anything else.

    Raises:
        UserError: the value cannot be used; the sentence says how to write it.
    """
    text = " ".join(said.split()).rstrip("?!.")
    for field, pattern in _PATTERNS:
        if match := pattern.fullmatch(text):
            return EditBudget(field, _dollars(read_amount(match["amount"])))
    if match := _ALERTS.fullmatch(text):
        return EditBudget("alerts", " ".join(map(str, read_percents(match["percents"]))))
    return None


def kept_in_button(command: EditBudget) -> str:
    """Return the value of a button that opens the form like this."""
    return f"{command.field}:{command.value}" if command.field else "form"


def from_button(value: str) -> EditBudget:
    """Return what a button opens: a claim, which fills the form and changes nothing."""
    match = _KEPT.fullmatch(value)
    return EditBudget(match["field"], match["value"]) if match else EditBudget()


def _dollars(nusd: int) -> str:
    whole, part = divmod(nusd, NUSD_PER_USD)
    return f"{whole}.{f'{part:09d}'.rstrip('0').ljust(2, '0')}"

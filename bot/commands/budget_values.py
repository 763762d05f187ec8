"""Parse amounts, thresholds, months and model names of the budget grammar; strict, with a hint in each error."""

import re

from patterns.core.errors import UserError
from patterns.core.money import parse_usd

_AMOUNT_CHARS = 60
"""No amount is longer, and what is read with patterns has to have an end."""
_ALERTS_MAX = 10
_PERCENT_MAX = 100
_GROUPED = re.compile(r"\$?\d{1,3}(?:,\d{3})+\.\d{2}")
"""Large amounts as we print them: a point after a comma leaves one reading."""
_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})")
_PERCENT = re.compile(r"[0-9]{1,9}")
_MODEL_CHARS, _MODELS_MAX = 200, 50
_MODEL = re.compile(r"[A-Za-z0-9][\w./:-]*")


def read_amount(text: str) -> int:
    """Return the nano-dollars a person wrote; raise UserError that says what is wrong and how to write it."""
    said = text.strip()
    if len(said) > _AMOUNT_CHARS:
        raise UserError(f"{said[:40]}… is too long for an amount. Write it like 50 or $50.")
    if re.search(r"[€£¥₹]|\b(?:eur|gbp|chf|jpy|inr|euros?|pounds?)\b", said, re.IGNORECASE):
        raise UserError(f"{said[:40]} is not in US dollars, the only currency here. Write the amount like 50 or $50.")
    said = re.sub(r"\s*(?:usd|dollars?)$", "", said, flags=re.IGNORECASE)
    if said.startswith("-"):
        raise UserError(f"{said[:40]} is negative. Write an amount from 0 up, like 50.")
    if _GROUPED.fullmatch(said):
        said = said.replace(",", "")
    if "," in said:
        raise UserError(f"{said[:40]} could mean two amounts. Write it with a point and no comma, like 50.00 or 1000.")
    if re.fullmatch(r"\$?\d*\.?\d*e[+-]?\d+", said, re.IGNORECASE):
        raise UserError(f"{said[:40]} is too easy to misread. Write the amount out, like 50.")
    return parse_usd(said)


def read_percents(text: str) -> tuple[int, ...]:
    """Return thresholds in percent, written like `50 80 95` or `50%, 80%`; raise UserError for others."""
    parts = [part for part in re.split(r"[\s,%]+", text) if part]
    if not parts or len(parts) > _ALERTS_MAX or not all(_PERCENT.fullmatch(part) for part in parts):
        raise UserError("Write the thresholds as whole per cent, like 50 80 95.")
    percents = tuple(sorted({int(part) for part in parts}))
    if percents[-1] > _PERCENT_MAX:
        raise UserError(
            f"{percents[-1]} % is never reached: spending stops at 100 % of the limit. Write thresholds between 1 and"
            " 100 per cent, like 50 80 95."
        )
    if percents[0] < 1:
        raise UserError("At 0 % nothing is spent yet. Write thresholds between 1 and 100 per cent, like 50 80 95.")
    return percents


def read_models(text: str) -> tuple[str, ...]:
    """Return providers and models, written like `openai anthropic/claude-haiku-4-5`; `any` returns none."""
    parts = tuple(dict.fromkeys(part for part in re.split(r"[\s,]+", text) if part))
    if len(parts) > _MODELS_MAX or any(len(part) > _MODEL_CHARS for part in parts):
        raise UserError(f"Write at most {_MODELS_MAX} providers or models, each as short as its name.")
    if not parts or not all(_MODEL.fullmatch(part) for part in parts):
        raise UserError("Write providers or models, like `openai` or `anthropic/claude-haiku-4-5`, or `any`.")
    return () if [part.casefold() for part in parts] == ["any"] else parts


def read_month(text: str) -> str:
    """Return a month like `2026-10`; raise UserError for anything else."""
    match = _MONTH.fullmatch(text)
    if match is None or not 1 <= int(match["month"]) <= 12 or int(match["year"]) < 2000:  # noqa: PLR2004 - the calendar
        raise UserError(f"{text[:40]} is not a month. Write it like 2026-10.")
    return text

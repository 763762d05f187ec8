"""What `agents ask --json` prints: results and prices as JSON, each amount in two units."""

from collections.abc import Mapping
from typing import Any

import click

from bot.messages.printable_json import printable_json
from patterns.core.events import PatternResult
from patterns.core.money import NUSD_PER_USD
from patterns.flow import Plan


def told_estimate(plan: Plan) -> dict[str, Any]:
    """Return a plan's price as JSON: what is asked for at once, at most and as expected, each in two units."""
    price = plan.price
    figures = {"once": plan.needed_nusd, "worst": price.worst_nusd, "expected": price.expected_nusd}
    source = {"expected_from": "history" if price.has_history else "typical lengths"}
    return {"flow": plan.title, "chosen_by": plan.decision.chosen_by, **amounts(figures), **source}


def told_result(result: PatternResult) -> dict[str, Any]:
    """Return what came of a request, without its money."""
    return {
        "output": result.output,
        "stop_reason": result.stop_reason.value,
        "notes": list(result.notes),
        "missing": [voice.model_dump() for voice in result.missing],
    }


def amounts(nusd: Mapping[str, int | None]) -> dict[str, str | int | None]:
    """Return each amount twice: exact dollars as a string, and integer nano-dollars."""
    dollars = {f"{name}_usd": None if amount is None else _usd(amount) for name, amount in nusd.items()}
    return {**dollars, **{f"{name}_nusd": amount for name, amount in nusd.items()}}


def _usd(nusd: int) -> str:
    whole, rest = divmod(nusd, NUSD_PER_USD)
    return f"{whole}.{rest:09d}"


def print_json(value: Mapping[str, Any]) -> None:
    """Print a value as one JSON object on standard output."""
    click.echo(printable_json(value))

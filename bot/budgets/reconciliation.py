"""Compare the ledger with a provider's usage export and name every difference, calls without bills among them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from bot.budgets import usage_exports as exports
from patterns.core.errors import UserError
from patterns.core.money import NUSD_PER_USD, format_usd
from patterns.core.tools import TOOL_MODEL


@dataclass(frozen=True, slots=True)
class Used:
    """One day of one model: tokens and nano-dollars. `cost_nusd` None: the export has no costs."""

    input_tokens: int
    output_tokens: int
    cost_nusd: int | None


Usage = dict[tuple[date, str], Used]


@dataclass(frozen=True, slots=True)
class Compared:
    """The comparison, and one sentence for each difference."""

    days: int
    differences: tuple[str, ...]


def read_export(text: str, *, name: str) -> Usage:
    """Return a provider's export, CSV or JSON as in `usage_exports`, summed by UTC day and model.

    Raises:
        UserError: no rows, or a row without a day, a model or tokens, with its number.
    """
    rows = exports.rows_of(text)
    if not rows:
        raise UserError(f"{name} has no rows. It needs columns date, model, input_tokens, output_tokens, cost_usd.")
    sums: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    has_cost = any(exports.first(row, exports.COST) is not None for row in rows)
    for number, row in enumerate(rows, 1):
        try:
            day = exports.day(exports.needed(row, exports.DATE))
            model = exports.model(str(exports.needed(row, exports.MODEL)))
            given = exports.input_tokens(row)
            amounts = (given, exports.tokens(exports.needed(row, exports.OUTPUT)), _nusd(row))
        except ValueError as error:
            raise UserError(
                f"Row {number} of {name}: {error}. It needs date, model, input and output tokens."
            ) from None
        for at, amount in enumerate(amounts):
            sums[day, model][at] += amount
    return {key: Used(one[0], one[1], one[2] if has_cost else None) for key, one in sums.items()}


def ledger_usage(calls: Iterable[Mapping[str, Any]]) -> Usage:
    """Return the ledger's calls in the same form; their models have litellm's names."""
    sums: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for call in calls:
        if call["state"] == "released" or call["model"].startswith(TOOL_MODEL):
            continue
        usage = json.loads(call["usage_json"]) if call["usage_json"] else {}
        day = datetime.fromtimestamp(call["opened_us"] / 1_000_000, UTC).date()
        one = sums[day, exports.model(call["model"])]
        for at, amount in enumerate((usage.get("input_tokens", 0), usage.get("output_tokens", 0), call["actual_nusd"])):
            one[at] += amount
    return {key: Used(*one) for key, one in sums.items()}


def tool_lines(calls: Iterable[Mapping[str, Any]], *, period: str) -> tuple[str, ...]:
    """Return what each tool cost in a month, in a sentence: no model's provider bills it."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for call in calls:
        day = datetime.fromtimestamp(call["opened_us"] / 1_000_000, UTC)
        if call["state"] != "released" and call["model"].startswith(TOOL_MODEL) and f"{day:%Y-%m}" == period:
            one = sums[call["model"].removeprefix(TOOL_MODEL)]
            one[0] += 1
            one[1] += call["actual_nusd"]
    return tuple(
        f"{tool} (tool): {count} call{'s' * (count > 1)}, {format_usd(nusd)}, which no provider of models bills."
        for tool, (count, nusd) in sorted(sums.items())
    )


def compare(ledger: Usage, export: Usage, *, period: str) -> Compared:
    """Return every day and model of a month where the two differ; costs are compared to the cent."""
    theirs = {key: used for key, used in export.items() if f"{key[0]:%Y-%m}" == period}
    ours = {key: used for key, used in ledger.items() if f"{key[0]:%Y-%m}" == period}
    keys = sorted(theirs.keys() | ours.keys())
    said = [sentence for key in keys for sentence in _differences(key, ours.get(key), theirs.get(key))]
    return Compared(len(keys), tuple(said))


def _differences(key: tuple[date, str], ours: Used | None, theirs: Used | None) -> Sequence[str]:
    day, model = key
    where = f"{day} {model}"
    if theirs is None and ours is not None:
        cost = format_usd(ours.cost_nusd or 0)
        return [f"{where}: only the ledger has it, {cost}: look for uncertain calls of that day."]
    if ours is None and theirs is not None:
        cost = "" if theirs.cost_nusd is None else f", {format_usd(theirs.cost_nusd)}"
        return [f"{where}: only the provider has it, {theirs.input_tokens} + {theirs.output_tokens} tokens{cost}."]
    if ours is None or theirs is None:
        return []
    said = [
        f"{where}: the ledger has {mine} {what} tokens, the provider {other} ({mine - other:+d})."
        for what, mine, other in (
            ("input", ours.input_tokens, theirs.input_tokens),
            ("output", ours.output_tokens, theirs.output_tokens),
        )
        if mine != other
    ]
    if theirs.cost_nusd is not None and abs((ours.cost_nusd or 0) - theirs.cost_nusd) * 200 >= NUSD_PER_USD:
        mine, other = format_usd(ours.cost_nusd or 0), format_usd(theirs.cost_nusd)
        said.append(f"{where}: the ledger has {mine}, the provider billed {other}.")
    return said


def _nusd(row: Mapping[str, Any]) -> int:
    told = exports.first(row, exports.COST)
    if told is None:
        return 0
    usd = exports.usd(told, decimal_comma=bool(row.get("decimal_comma")))
    return int((usd * NUSD_PER_USD).to_integral_value())

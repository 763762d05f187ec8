"""Months and calls under the names that providers give to their models, as each run kept them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from bot.runs.run_setup import ModelNames, Setup, in_order
from patterns.core.holds import Payer
from storage.ledger.months import Month, SpendRow
from storage.ledger.reports import Reports

Call = Mapping[str, Any]


async def month_with_models(
    reports: Reports, payer: Payer, period: str, today: Mapping[str, str], *, deep: bool = True
) -> Month:
    """Return a month with the names of the models that answered; what was not kept has the name it has in `today`.

    A name of the roster that stood for several models is told apart call by call; without `deep`, which is quick at any
    size, it has the names of all of them.
    """
    month, calls = await reports.month_and_calls(
        payer, period, deep=deep, needs_calls=lambda read: deep and bool(_several(read, today))
    )
    names, several = _names(month, today), _several(month, today) if deep else set()
    theirs = with_provider_models([call for call in calls if call["model"] in several], today)
    each = {call["id"]: call["model"] for call in theirs}

    def name(model: str, call_id: str = "") -> str:
        return each.get(call_id) or (" or ".join(names[model]) if model in names else today.get(model, model))

    others = [replace(one, model=name(one.model)) for one in month.spent if one.model not in several]
    return replace(
        month,
        spent=_sorted([*others, *_spent_by(theirs)]),
        uncertain=tuple({**row, "model": name(row["model"], row["id"])} for row in month.uncertain),
        overruns=tuple({**row, "model": name(row["model"], row["id"])} for row in month.overruns),
    )


def with_provider_models(calls: Sequence[Call], today: Mapping[str, str] | None = None) -> list[Call]:
    """Return calls with the names of the models that answered; what was not kept has the name it has in `today`."""
    return [{**call, "model": _name(call, today or {})} for call in calls]


def _names(month: Month, today: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what each name of the roster that was kept may have stood for: today's name too where a run kept none."""
    setups = [Setup.read(data).models for data in month.setups]
    found: dict[str, list[str]] = {}
    for alias in dict.fromkeys(alias for models in setups for alias in models):
        names = [str(models[alias]["id"]) for models in setups if alias in models]
        if len(names) < len(setups):
            names.append(today.get(alias, alias))
        found[alias] = list(dict.fromkeys(names))
    return found


def _several(month: Month, today: Mapping[str, str]) -> set[str]:
    """Return the names of the roster that were paid for and may have stood for several models."""
    return {one.model for one in month.spent} & {name for name, found in _names(month, today).items() if len(found) > 1}


def _spent_by(calls: Sequence[Call]) -> list[SpendRow]:
    """Return calls as the sums that the ledger keeps of them."""
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    for call in calls:
        if call["state"] not in ("settled", "uncertain"):
            continue
        usage = json.loads(call["usage_json"]) if call["usage_json"] else {}
        unsure_nusd = call["actual_nusd"] if call["state"] == "uncertain" else 0
        tokens = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        row = sums.setdefault((call["flow"], call["agent"], call["model"], call["user_id"]), [0] * 5)
        for at, amount in enumerate((1, call["actual_nusd"], unsure_nusd, *tokens)):
            row[at] += amount
    return [SpendRow(*key, *amounts) for key, amounts in sums.items()]


def _sorted(rows: Sequence[SpendRow]) -> tuple[SpendRow, ...]:
    """Return rows as the ledger has them, dearest first."""
    return tuple(sorted(rows, key=lambda one: (-one.nusd, *astuple(one)[:4])))


def _name(call: Call, today: Mapping[str, str]) -> str:
    model = str(call["model"])
    kept = ModelNames(tuple(in_order(call["setups"]))).of_model(model, call["owner_epoch"])
    return kept if kept != model else today.get(model, model)

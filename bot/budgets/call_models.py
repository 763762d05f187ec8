"""Months and calls under the names that providers give to their models, as each run kept them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from bot.runs.run_setup import ModelNames, Setup, in_order
from patterns.core.holds import Payer
from storage.ledger.reports import Month, Reports, SpendRow

Call = Mapping[str, Any]


async def month_with_models(
    reports: Reports, payer: Payer, period: str, today: Mapping[str, str], *, deep: bool = True
) -> Month:
    """Return a month with the names of the models that answered; what was not kept has the name it has in `today`.

    A name of the roster that stood for several models is told apart call by call; without `deep`, which is quick at any
    size, it has the names of all of them.
    """
    month = await reports.month(payer, period, deep=deep)
    kept = _kept(month)
    names = {**today, **{alias: " or ".join(found) for alias, found in kept.items()}}
    several = {alias for alias, found in kept.items() if len(found) > 1}
    spent = month.spent
    if deep and several:
        calls = await reports.calls(payer.workspace, period, [payer.channel])
        theirs = with_provider_models([call for call in calls if call["model"] in several], today)
        spent = _sorted([*(one for one in spent if one.model not in several), *_spent_by(theirs)])
    return replace(
        month,
        spent=tuple(replace(one, model=names.get(one.model, one.model)) for one in spent),
        uncertain=tuple({**row, "model": names.get(row["model"], row["model"])} for row in month.uncertain),
        overruns=tuple({**row, "model": names.get(row["model"], row["model"])} for row in month.overruns),
    )


def with_provider_models(calls: Sequence[Call], today: Mapping[str, str] | None = None) -> list[Call]:
    """Return calls with the names of the models that answered; what was not kept has the name it has in `today`."""
    return [{**call, "model": _name(call, today or {})} for call in calls]


def _kept(month: Month) -> dict[str, list[str]]:
    """Return the provider's names of each name of the roster, as the month's runs kept them."""
    found: dict[str, list[str]] = {}
    for setup in map(Setup.read, month.setups):
        for alias, facts in setup.models.items():
            names = found.setdefault(alias, [])
            if str(facts["id"]) not in names:
                names.append(str(facts["id"]))
    return found


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

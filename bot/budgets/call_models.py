"""Calls of a month under the names that providers give to their models, as each run kept them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.runs.run_setup import ModelNames, in_order

Call = Mapping[str, Any]


def with_provider_models(calls: Sequence[Call], today: Mapping[str, str] | None = None) -> list[Call]:
    """Return calls with the names of the models that answered; what was not kept has the name it has in `today`."""
    return [{**call, "model": _name(call, today or {})} for call in calls]


def _name(call: Call, today: Mapping[str, str]) -> str:
    model = str(call["model"])
    kept = ModelNames(tuple(in_order(call["setups"]))).of_model(model, call["owner_epoch"])
    return kept if kept != model else today.get(model, model)

"""Calls of tools as lines of a list: their arguments, and what a dry run left out."""

import json
from collections.abc import Sequence

from bot.messages.views import WouldCall
from patterns.core.step_record import StepRecord
from patterns.tools.approvals import shown_arguments
from patterns.tools.sources import tool_uses


def arguments_in_a_line(text: str) -> str:
    """Return the arguments that a model wrote as `title: Export fails, labels: ["p1"]`; secrets are masked."""
    try:
        values = json.loads(shown_arguments(json.loads(text or "{}")))
    except (ValueError, AttributeError):
        return text
    if not isinstance(values, dict):
        return text
    said = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in values.values())
    return ", ".join(f"{name}: {value}" for name, value in zip(values, said, strict=True))


def would_call(journal: Sequence[StepRecord]) -> tuple[WouldCall, ...]:
    """Return the calls that a dry run left out, in their order."""
    return tuple(
        WouldCall(use.agent, use.tool, arguments_in_a_line(use.arguments), use.would_cost_nusd)
        for use in tool_uses(journal)
        if use.would_cost_nusd is not None
    )

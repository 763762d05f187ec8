"""Calls of tools as lines of a list: their arguments, and what a dry run left out."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import itemgetter

from bot.messages.tool_text import EMPTY
from bot.messages.views import LookedUp, WouldCall
from patterns.core.step_record import UNSTORED, StepRecord
from patterns.roster.tool_schema import ToolSpec
from patterns.tools.masking import shown_arguments, shown_result
from patterns.tools.sources import tool_uses

_CALL = re.compile(r"turn/(?P<turn>\d+)/call/(?P<call>\d+)")


def arguments_in_a_line(text: str) -> str:
    """Return the arguments that a model wrote as `title: Export fails, labels: ["p1"]`; secrets are masked."""
    with suppress(ValueError):
        values = json.loads(shown_arguments(json.loads(text or "{}")))
        if isinstance(values, dict):
            return ", ".join(f"{name}: {_plain(value)}" for name, value in values.items())
    return shown_result(text)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def looked_up(journal: Sequence[StepRecord], path: str, tools: Mapping[str, ToolSpec]) -> tuple[LookedUp, ...]:
    """Return what an agent called in a step before the question of that path, in order.

    Results of tools that are private, or not in the roster any more, are left out: everybody in a channel reads a card.
    """
    step, _, place = path.partition("/turn/")
    asked = int(place.partition("/")[0])
    found: list[tuple[tuple[int, int], LookedUp]] = []
    for record in journal:
        at = _CALL.fullmatch(record.path.removeprefix(f"{step}/"))
        if at is None or not record.path.startswith(f"{step}/") or int(at["turn"]) >= asked:
            continue
        name = str(record.data.get("tool", ""))
        is_shown = name in tools and not tools[name].private and not record.data.get(UNSTORED)
        result = (shown_result(record.text).strip() or EMPTY) if is_shown else ""
        seen = LookedUp(name, result, failed=bool(record.data.get("is_error")))
        found.append(((int(at["turn"]), int(at["call"])), seen))
    return tuple(seen for _, seen in sorted(found, key=itemgetter(0)))


def would_call(journal: Sequence[StepRecord]) -> tuple[WouldCall, ...]:
    """Return the calls that a dry run left out, in their order."""
    return tuple(
        WouldCall(use.agent, use.tool, arguments_in_a_line(use.arguments), use.would_cost_nusd)
        for use in tool_uses(journal)
        if use.would_cost_nusd is not None
    )

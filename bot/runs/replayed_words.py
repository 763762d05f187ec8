"""What was decided in a run, in words, for a report of what came out otherwise."""

import json

from bot.messages.price_text import price_told
from bot.messages.run_text import STATE_WORDS, count
from bot.runs.outcome import RunOutcome
from bot.runs.told_price import PRICE_PATH
from patterns.core.events import PatternResult
from patterns.core.quotes import PriceEstimate
from patterns.core.step_record import StepRecord
from patterns.flow import PLAN
from patterns.router import RouteDecision

SHORT_CHARS = 120


def decision_said(step: StepRecord) -> str:
    """Return what was decided, as people would say it."""
    if step.path == PLAN and step.text:
        decision = RouteDecision.model_validate(json.loads(step.text)[0])
        return decision.flow or f"{decision.pattern} of {', '.join(decision.agents)}"
    if step.path == PRICE_PATH:
        worst_nusd, typical_nusd = step.data.get("worst_nusd", 0), step.data.get("typical_nusd", 0)
        return str(price_told(PriceEstimate.of(typical_nusd=typical_nusd, worst_nusd=worst_nusd)))
    if step.path.endswith("outcome") and step.text:
        result = PatternResult.model_validate_json(step.text)
        return str(STATE_WORDS[RunOutcome(result=result).state]).partition(" ")[2]
    if set(step.data) == {"voices"}:
        return str(count(step.data["voices"], "voice"))
    line = " ".join((step.text or str(step.data.get("agent", ""))).split())
    return f"“{line[:SHORT_CHARS]}{'…' * (len(line) > SHORT_CHARS)}”" if line else "something else"

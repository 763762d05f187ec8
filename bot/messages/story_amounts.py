"""The amounts of one run as they stand in one column: with the same decimals, and so that they add up to their sum."""

from bot.messages.story_views import StepLine, StoryView
from patterns.core.shares import decimals_for, usd_parts, usd_rounded


class Amounts:
    """What was paid and held for each step, its attempts and all of them, as people read it."""

    def __init__(self, view: StoryView) -> None:
        self._decimals = decimals_for([line.cost_nusd for line in view.steps])
        costs = usd_parts([line.cost_nusd for line in view.steps], decimals=self._decimals)
        self._costs = {line.path: cost for line, cost in zip(view.steps, costs, strict=True)}
        self.paid = usd_rounded(sum(line.cost_nusd for line in view.steps), decimals=self._decimals)
        holds = usd_parts([line.held_nusd for line in view.steps], decimals=self._decimals)
        self._holds = {line.path: held for line, held in zip(view.steps, holds, strict=True)}
        self.held = usd_rounded(sum(line.held_nusd for line in view.steps), decimals=self._decimals)

    def cost(self, line: StepLine) -> str:
        """Return what a step of the run cost."""
        return self._costs.get(line.path, usd_rounded(line.cost_nusd, decimals=self._decimals))

    def hold(self, line: StepLine) -> str:
        """Return what was held for a step of the run."""
        return self._holds.get(line.path, usd_rounded(line.held_nusd, decimals=self._decimals))

    def attempts(self, line: StepLine) -> list[tuple[str, str]]:
        """Return what each attempt of a step cost and held; they add up to the step."""
        scale = 10 ** (9 - self._decimals)
        cost_nusd, held_nusd = _units(self.cost(line)) * scale, _units(self.hold(line)) * scale
        costs = usd_parts([one.cost_nusd for one in line.attempts], decimals=self._decimals, total_nusd=cost_nusd)
        holds = usd_parts([one.held_nusd for one in line.attempts], decimals=self._decimals, total_nusd=held_nusd)
        return list(zip(costs, holds, strict=True))


def _units(shown: str) -> int:
    return int(shown.replace("$", "").replace(",", "").replace(".", ""))

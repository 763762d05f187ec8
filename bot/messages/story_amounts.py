"""The amounts of one run as they stand in one column: with the same decimals, and so that they add up to their sum."""

from decimal import Decimal

from bot.messages.story_views import StepLine, StoryView
from patterns.core.shares import decimals_for, usd_parts, usd_rounded


class Amounts:
    """What was paid and held for each step, its attempts and all of them, as people read it."""

    def __init__(self, view: StoryView) -> None:
        self._decimals = decimals_for([line.cost_nusd for line in view.steps])
        paid_nusd, held_nusd = (sum(line.cost_nusd for line in view.steps), sum(line.held_nusd for line in view.steps))
        self.paid = usd_rounded(paid_nusd, decimals=self._decimals)
        self.held = usd_rounded(held_nusd, decimals=self._decimals)
        costs = usd_parts([line.cost_nusd for line in view.steps], decimals=self._decimals)
        self._costs = {line.path: cost for line, cost in zip(view.steps, costs, strict=True)}
        # What counts in full is the same amount in both columns; the other holds make up the sum.
        self._holds = {line.path: self._costs[line.path] for line in view.steps if line.cost_nusd == line.held_nusd}
        others = [line for line in view.steps if line.path not in self._holds]
        left_nusd = self._nusd(self.held) - sum(map(self._nusd, self._holds.values()))
        holds = usd_parts([line.held_nusd for line in others], decimals=self._decimals, total_nusd=left_nusd)
        self._holds |= {line.path: held for line, held in zip(others, holds, strict=True)}

    def cost(self, line: StepLine) -> str:
        """Return what a step of the run cost."""
        return self._costs.get(line.path, usd_rounded(line.cost_nusd, decimals=self._decimals))

    def hold(self, line: StepLine) -> str:
        """Return what was held for a step of the run."""
        return self._holds.get(line.path, usd_rounded(line.held_nusd, decimals=self._decimals))

    def attempts(self, line: StepLine) -> list[tuple[str, str]]:
        """Return what each attempt of a step cost and held; they add up to the step."""
        cost_nusd, held_nusd = self._nusd(self.cost(line)), self._nusd(self.hold(line))
        costs = usd_parts([one.cost_nusd for one in line.attempts], decimals=self._decimals, total_nusd=cost_nusd)
        holds = usd_parts([one.held_nusd for one in line.attempts], decimals=self._decimals, total_nusd=held_nusd)
        return list(zip(costs, holds, strict=True))

    def _nusd(self, shown: str) -> int:
        """Return an amount as it is shown."""
        digits = shown.replace("$", "").replace(",", "").replace(".", "")
        return int(Decimal(digits).scaleb(9 - self._decimals))

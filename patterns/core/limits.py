"""The limits of a run. Nothing is unlimited, and a child can only narrow what its parent may do."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from patterns.core.context import Frozen

MAX_DEPTH = 4
"""Patterns inside patterns: deeper trees are refused when the roster is read."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may take: dollars, seconds of executing time, paid steps, calls at once."""

    run_nusd: int
    run_s: float
    steps: int
    concurrency: int
    confirm_above_nusd: int


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit in dollars inside one run: the run itself or a stage's share of it. One account row each."""

    kind: Literal["run", "stage"]
    key: str
    limit_nusd: int


class FailurePolicy(Frozen):
    """What a fan-out does when a voice fails: stop all, continue without it, or continue while a quorum answers."""

    mode: Literal["fail_fast", "continue", "quorum"] = "continue"
    quorum: int = Field(default=1, ge=1)

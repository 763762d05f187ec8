"""A finished step as the journal keeps it."""

from typing import Any, Literal

from pydantic import Field

from patterns.core.context import Frozen

CACHED_TOKENS = "cached_input_tokens"
"""Key of a step's data: the input tokens that its provider read from a cache, where it told so."""


SEARCHES = "searches"
"""Key of a step's data: the searches of the web that its provider made and billed, where it was allowed to."""


UNSTORED = "unstored"
"""Key of a call's data: its result is not in the journal, only what it was found by."""


class StepRecord(Frozen):
    """A finished step as the journal keeps it: the checkpoint and the trace in one.

    `outcome` is `ok`, `failed` (a typed failure, not tried again) or `decision` (a choice that cost nothing).
    `data` is what code needs to continue, `text` what the agent or person said, `reason` a value of `Reason`, perhaps
    one of a newer program.
    """

    path: str
    input_hash: str
    outcome: Literal["ok", "failed", "decision"]
    agent: str = ""
    model: str = ""
    text: str = ""
    data: dict[str, Any] = Field(default_factory=dict)
    reason: str = ""
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nusd: int = 0
    elapsed_ms: int = 0
    attempts: int = 0

    @property
    def spent_nusd(self) -> int:
        """Return what the step cost with the turns and calls before its answer, which have records of their own."""
        return self.cost_nusd + int(self.data.get("before_nusd", 0))

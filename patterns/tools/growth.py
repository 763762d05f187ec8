"""By how much a turn with tools lengthens the turns after it: the same figures for quotes, holds and what is shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from patterns.core.tools import ToolCall
from patterns.roster.prompts import weigh

SAY_BYTES = 4000
"""How much of a text beside calls later turns are shown."""
CALL_BYTES = 500
"""Kept back for what a call and its result are wrapped in."""
CALLS_MAX = 100
"""Calls of one turn that are read at all: every one of them is answered."""
ARGUMENTS_BYTES_MAX = 16_000
"""Longer arguments are refused: they come back with every later turn, and a person has to read them."""
WRITTEN_BYTES = 8
"""Bytes that a token is taken for at most, of the arguments and the thinking that a model wrote."""
REFUSED_MAX = 10
"""Calls of one step that could not be made and are shown to later turns; of more of them there is nothing to learn."""
REFUSAL_BYTES = 300


@dataclass(frozen=True, slots=True)
class Growth:
    """What one turn may add: a model wrote at most `output_tokens` in it, a call returns at most `result_bytes`."""

    output_tokens: int
    result_bytes: int

    @property
    def written_bytes(self) -> int:
        """Return the bytes of arguments and thinking of one turn."""
        return WRITTEN_BYTES * self.output_tokens

    @property
    def turn(self) -> int:
        """Return what a turn adds without its calls' results; thinking that its provider hides counts as input too."""
        return SAY_BYTES + CALL_BYTES + self.written_bytes + self.output_tokens

    def results(self, calls: int) -> int:
        """Return what calls that are made add, and those of the step that are refused."""
        return calls * (self.result_bytes + CALL_BYTES) + REFUSED_MAX * (REFUSAL_BYTES + CALL_BYTES)


def shown_whole(calls: Iterable[ToolCall], written_bytes: int) -> list[bool]:
    """Return of each call of a turn whether its arguments fit: what does not is not made, nor shown again."""
    fits: list[bool] = []
    for call in calls:
        weight = weigh(call.arguments)
        is_short = weight <= written_bytes and len(call.arguments.encode("utf-8", "replace")) <= ARGUMENTS_BYTES_MAX
        written_bytes -= weight if is_short else 0
        fits.append(is_short)
    return fits

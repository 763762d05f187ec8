"""Results that may not be stored: read in memory while the step runs, and found again for a step that is resumed.

The journal has the addresses of what was found, and every hash is made of those. So a resumed step asks once more, with
the same words: what is still there is filled in, what is gone is marked, and what is new is left out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from patterns.core.step_record import UNSTORED, StepRecord
from patterns.core.tools import ToolBox, ToolError
from patterns.roster.prompts import cut
from patterns.tools.judging import Judged
from patterns.tools.transcript import Transcript

GONE = "(no longer there, or it cannot be read again)"
FOUND_MARK = "http"


def kept_text(addresses: Sequence[str]) -> str:
    """Return what the journal keeps of a result: how much was found, and where it stands."""
    head = f"{len(addresses)} found" if addresses else "Nothing was found."
    return "\n".join([head, *addresses])


def addresses_in(kept: str) -> tuple[str, ...]:
    """Return the addresses that the journal has of a result."""
    return tuple(line for line in kept.splitlines() if line.startswith(FOUND_MARK))


def shown_text(found: Mapping[str, str], addresses: Sequence[str]) -> str:
    """Return a result for its agent: each address with what stands there, in the order of the journal."""
    if not addresses:
        return kept_text(addresses)
    return "\n\n".join(f"{address}\n{found.get(address, GONE)}" for address in addresses)


def pieces_in(shown: str) -> dict[str, str]:
    """Return what stands at each address of a shown result."""
    pieces = (piece.partition("\n") for piece in shown.split("\n\n"))
    return {address: text for address, _, text in pieces if address.startswith(FOUND_MARK)}


@dataclass
class Unstored:
    """The results of one step that the journal does not have. `texts` are those that this process has read, by path."""

    toolbox: ToolBox
    texts: Mapping[str, str]
    _due: list[tuple[int, int, StepRecord, Judged]] = field(default_factory=list)

    def note(self, turn: int, records: Sequence[StepRecord], judged: Sequence[Judged]) -> None:
        """Note which results of a turn have to be filled in before a model reads it."""
        for place, (record, one) in enumerate(zip(records, judged, strict=True)):
            if record.data.get(UNSTORED):
                self._due.append((turn, place, record, one))

    async def fill(self, transcript: Transcript) -> None:
        """Fill in what is noted; nothing is asked for what this process has read itself."""
        due, self._due = self._due, []
        for turn, place, record, one in due:
            text = self.texts.get(record.path)
            transcript.show(turn, place, await self._again(record, one) if text is None else text)

    async def _again(self, record: StepRecord, one: Judged) -> str:
        addresses = addresses_in(record.text)
        if not addresses or one.tool is None:
            return record.text
        spec = one.tool.spec
        try:
            async with asyncio.timeout(spec.timeout_s):
                output = await self.toolbox.call(
                    spec.name, one.arguments or {}, key=record.path, timeout_s=spec.timeout_s
                )
        except (ToolError, TimeoutError):
            return shown_text({}, addresses)
        return cut(shown_text(pieces_in(output.text), addresses), spec.output_bytes_max)

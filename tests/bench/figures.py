"""The figures of the benches: each tells its own, a line of JSON at a time, and `python -m tests.bench` gathers them.

A bench run by hand prints its table as before; its figures go nowhere.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

TOLD_TO = "AGENTS_BENCH_FIGURES"
"""The variable with the file that figures are appended to."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value: what was measured, how much, in which unit."""

    what: str
    value: float
    unit: str


def tell(what: str, value: float, unit: str) -> None:
    """Tell a figure at once, so that a bench which is cut off has told what it has."""
    if path := os.environ.get(TOLD_TO):
        line = json.dumps(asdict(Figure(what, round(value, 4), unit)))
        with Path(path).open("a", encoding="utf-8") as told:
            told.write(f"{line}\n")


def told_in(path: Path) -> list[Figure]:
    """Return what was told into a file; a last line that was cut off is left out."""
    figures = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            figures.append(Figure(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return figures

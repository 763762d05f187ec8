"""What a soak measures of the bot's process, and whether it stayed flat."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY_MB, MEMORY_SHARE = 15.0, 0.10
DESCRIPTORS, TASKS = 8, 8
LATENCY_FACTOR, LATENCY_S = 2.0, 2.0
"""What may be added between the second quarter and the last, before that counts as growth."""
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process and at what it has before it."""

    at_s: float
    memory_mb: float
    cpu_s: float
    descriptors: int
    threads: int
    open_runs: int
    owed: int
    """Payloads that were stored and not handled, and messages that were not posted."""
    settled_nusd: int
    held_nusd: int
    answers_s: tuple[float, ...]
    """How long each answer took that came since the last look, from the request on."""
    acks_s: tuple[float, ...]
    """How long each payload took to be acknowledged."""

    def line(self) -> str:
        """Return the sample as a row of the report."""
        return (
            f"{self.at_s:6.0f} s  {self.memory_mb:6.0f} MB  {self.cpu_s:6.1f} s  {self.descriptors:4}  {self.threads:3}"
            f"  {self.open_runs:4}  {self.owed:4}  {len(self.answers_s):4}  {middle(self.answers_s):6.2f} s"
            f"  {high(self.answers_s):6.2f} s  {1000 * middle(self.acks_s):5.0f} ms  {self.settled_nusd / 1e9:9.4f} $"
            f"  {self.held_nusd / 1e9:7.4f} $"
        )


HEAD = "    time     memory   CPU      fds  thr  open  owed  answers  p50      p95      ack p50   settled      held"


@dataclass(frozen=True, slots=True)
class Process:
    """The process of that id, as Linux tells."""

    pid: int

    def memory_mb(self) -> float:
        """Return resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> float:
        """Return seconds of processor time, the system's included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        """Return how many file descriptors are open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        """Return how many threads there are."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


def growth(samples: Sequence[Sample]) -> list[str]:
    """Return what grew from the second quarter of a soak to its last, one sentence each; the first warms up."""
    size = len(samples) // QUARTERS
    if not size:
        return ["The soak was too short to judge: it took fewer than four samples."]
    early, late = samples[size : 2 * size], samples[-size:]
    found = []

    def compare(name: str, before: float, after: float, most: float) -> None:
        if after > most:
            found.append(f"{name} grew from {before:.1f} to {after:.1f}; at most {most:.1f} counts as flat.")

    was, now = (statistics.median(one.memory_mb for one in part) for part in (early, late))
    compare("Memory (MB)", was, now, was + max(MEMORY_MB, MEMORY_SHARE * was))
    was, now = (statistics.median(one.descriptors for one in part) for part in (early, late))
    compare("Open file descriptors", was, now, was + DESCRIPTORS)
    was, now = (statistics.median(one.threads for one in part) for part in (early, late))
    compare("Threads", was, now, was + TASKS)
    was, now = (middle([s for one in part for s in one.answers_s]) for part in (early, late))
    compare("The time to an answer (p50, s)", was, now, LATENCY_FACTOR * was + LATENCY_S)
    return found


def middle(values: Sequence[float]) -> float:
    """Return the median, 0 of nothing."""
    return statistics.median(values) if values else 0.0


def high(values: Sequence[float]) -> float:
    """Return the 95th percentile, 0 of nothing."""
    return sorted(values)[int(0.95 * (len(values) - 1))] if values else 0.0

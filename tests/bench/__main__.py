"""`python -m tests.bench [--only NAME]`: every bench in turn, its figures in docs/bench.json and the README's table.

Each is a process of its own, so that none warms up for another. One that fails or takes too long loses nothing of what
it and the others told: what was measured stands in both files as soon as its bench ends, and what was not measured this
time stays as it was, with its own date.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.commits import sync_ms
from tests.bench.figures import TOLD_TO, told_in
from tests.bench.numbers import Ended, keep

MINUTES = 25


@dataclass(frozen=True, slots=True)
class Bench:
    """How a bench is called, and after how many seconds it is cut off."""

    options: tuple[str, ...] = ()
    limit_s: int = 90


BENCHES = {
    "acknowledgement": Bench(limit_s=150),
    "runs": Bench(("--memory",)),
    "commits": Bench(),
    "startup": Bench(("--rounds", "2")),
    "frameworks": Bench(("--rounds", "2"), limit_s=600),
    "ledger_pairs": Bench(("--postgresql",)),
    "model_call": Bench(("--rounds", "3")),
    "crowd": Bench(limit_s=210),
    "slack_pace": Bench(("--shared",), limit_s=120),
    "workers": Bench(("--kills", "2"), limit_s=150),
    "budget_peers": Bench(limit_s=120),
    "budget_report": Bench(limit_s=120),
    "tools": Bench(("--calls", "60", "--rounds", "2"), limit_s=120),
    "patterns": Bench(),
    "hops": Bench(),
    "ledger_reports": Bench(limit_s=90),
    "rendering": Bench(("--quiet", "--chars", "10000", "40000"), limit_s=150),
    "front_door": Bench(limit_s=120),
}
"""The most telling first: where the time runs out, the last ones are left as they were."""


def call_of(name: str, bench: Bench) -> tuple[str, ...]:
    """Return the command of a bench."""
    return (sys.executable, "-m", f"tests.bench.{name}", *bench.options)


def measured(name: str, bench: Bench, told: Path, *, limit_s: float) -> Ended:
    """Run a bench that tells its figures into a file; return how it ended."""
    env = {**os.environ, TOLD_TO: str(told)}
    with subprocess.Popen(call_of(name, bench), env=env, start_new_session=True) as process:
        try:
            return "whole" if process.wait(limit_s) == 0 else "failed"
        except subprocess.TimeoutExpired:
            return "cut off"
        finally:  # what it had started belongs to its session
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def main(names: Sequence[str], *, minutes: float) -> int:
    """Measure, and return the number of benches that did not end whole. Ctrl-C ends it and keeps what was told."""
    end_s = time.monotonic() + minutes * 60
    broken = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            limit_s = min(BENCHES[name].limit_s, end_s - time.monotonic())
            if limit_s <= 0:
                print(f"\n== {name}: no time is left; --only {name} measures it", flush=True)
                broken += 1
                continue
            print(f"\n== {name}", flush=True)
            disk_ms, begun_s = sync_ms(Path(scratch)), time.monotonic()
            told: Path = Path(scratch) / name
            ended: Ended = "cut off"
            try:
                ended = measured(name, BENCHES[name], told, limit_s=limit_s)
            finally:
                took_s = time.monotonic() - begun_s
                keep(name, told_in(told), ended=ended, took_s=took_s, sync_ms=disk_ms)
            broken += ended != "whole"
            print(f"({took_s:.0f} s{'' if ended == 'whole' else f', {ended}'})", flush=True)
    return broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=BENCHES, metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--minutes", type=float, default=MINUTES, help="the time for all of them")
    options = parser.parse_args()
    sys.exit(main(options.only or list(BENCHES), minutes=options.minutes))

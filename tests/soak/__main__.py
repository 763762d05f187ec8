"""`make soak MINUTES=30`: requests, follow-ups, stops, reviews, files and a month's end, with a provider in trouble.

A row every fortieth of the time: memory, processor time, descriptors and threads of the bot's process, open runs, what
is owed, how long answers and acknowledgements took, and the ledger's sums. It fails where something grew from the
second quarter to the last, where a promise of `tests.crash` broke, or where the ledger does not verify.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from patterns.core.money import format_usd
from tests.soak.measures import HEAD, growth
from tests.soak.soak import Soak

SHOWN = 10


async def main(minutes: float, seed: int, keep: str) -> int:
    """Return how much went wrong. Ctrl-C and SIGTERM end the soak and count what was."""
    with tempfile.TemporaryDirectory() as scratch:
        soak = Soak(Path(keep or scratch), seconds=60 * minutes, seed=seed)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, soak.calm)
        print(HEAD, flush=True)
        report = await soak.last(lambda sample: print(sample.line(), flush=True))
    first, last = soak.samples[0], soak.samples[-1]
    print(
        f"{report.seconds:.0f} s: {report.asked} requests and {soak.files} files, {report.runs} runs, {report.calls}"
        f" model calls; people: {dict(report.deeds)}; endings: {dict(report.endings)}\n"
        f"the provider refused {report.refusals} and cut {report.cuts}; billed {format_usd(report.billed_nusd)},"
        f" recorded {format_usd(report.recorded_nusd)}; uncertain: {dict(report.uncertain)}\n"
        f"months: {', '.join(soak.periods)}; settled {format_usd(first.settled_nusd)} at first,"
        f" {format_usd(last.settled_nusd)} at last; held at last {format_usd(last.held_nusd)}; owed {last.owed};"
        f" {1000 * last.cpu_s / max(1, report.runs):.0f} ms CPU a run"
    )
    wrongs = [f"{wrong}: {fact}" for wrong, facts in report.wrongs.items() for fact in facts[:SHOWN]]
    wrongs += growth(soak.samples[:-1])
    if len(soak.periods) < 2:
        wrongs.append("No month turned.")
    print("\n".join(wrongs) or "flat, and every promise held", flush=True)
    return len(wrongs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", metavar="FOLDER", default="", help="keep the log and the database there")
    options = parser.parse_args()
    sys.exit(min(1, asyncio.run(main(options.minutes, options.seed, options.keep))))

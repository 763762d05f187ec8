"""`python -m tests.crash --kills 1000`: kill -9 everything, long, and say what was lost and what was paid twice."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from patterns.money import format_usd
from tests.crash.run_storm import Report, Storm


def said(name: str, report: Report) -> str:
    """A storm in a few lines."""
    return (
        f"{name}: {report.kills} kills in {report.seconds:.0f} s. {report.asked} requests, {report.accepted} accepted,"
        f" {report.runs} runs, {report.calls} model calls.\n"
        f"  lost {len(report.lost)}, answered twice {len(report.answered_twice) + len(report.posted_twice)},"
        f" left silent {len(report.silent)}, steps paid twice {len(report.paid_twice)}\n"
        f"  billed {format_usd(report.billed_nusd)}, recorded {format_usd(report.settled_nusd)}; {report.uncertain} calls"
        f" uncertain of {report.in_flight_at_kills} in flight at a kill\n"
        f"  {report.wrongs() or 'every promise held'}"
    )


async def main(kills: int, seed: int) -> int:
    """Returns the number of storms in which a promise broke."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        report = await Storm(f"sqlite:///{path / 'agents.db'}", path, seed=seed).rage(kills)
    print(said("One process on SQLite", report))
    return bool(report.wrongs())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.kills, options.seed)))

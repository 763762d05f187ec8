"""`python -m tests.crash --kills 1000`: kill -9 everything, long, and say what was lost and what was paid twice."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from patterns.money import format_usd
from tests.crash.run_storm import Report, Storm
from tests.databases import new_database, postgresql_server


def said(name: str, report: Report) -> str:
    """A storm in a few lines."""
    billed, recorded = format_usd(report.billed_nusd), format_usd(report.settled_nusd)
    return (
        f"{name}: {report.kills} kills in {report.seconds:.0f} s. {report.asked} requests, {report.accepted} accepted,"
        f" {report.runs} runs, {report.calls} model calls.\n"
        f"  lost {len(report.lost)}, answered twice {len(report.answered_twice) + len(report.posted_twice)},"
        f" left silent {len(report.silent)}, steps paid twice {len(report.paid_twice)}\n"
        f"  billed {billed}, recorded {recorded}; {report.uncertain} calls uncertain of {report.in_flight_at_kills} in"
        f" flight at a kill\n"
        f"  {report.wrongs() or 'every promise held'}"
    )


async def main(kills: int, seed: int, only: str) -> int:
    """Returns the number of storms in which a promise broke."""
    broken = 0
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        path = Path(folder)
        storms = {
            "sqlite": ("One process on SQLite", Storm(f"sqlite:///{path / 'agents.db'}", path, seed=seed)),
            "postgresql": (
                "Two web processes and three workers on PostgreSQL",
                Storm(new_database(server), path, seed=seed, webs=2, workers=3),
            ),
        }
        for name, (title, storm) in storms.items():
            if only in ("", name):
                report = await storm.rage(kills)
                print(said(title, report), flush=True)
                broken += bool(report.wrongs())
    return broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="in each storm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["sqlite", "postgresql"], default="")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.kills, options.seed, options.only)))

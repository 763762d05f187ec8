"""`python -m tests.crash.tools`: all 550 calls of a shop through the whole loop, in peace and under kill -9."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from patterns.core.money import format_usd
from storage.database.migrate import migrate
from tests.crash.tool_storm import ToolReport, ToolStorm
from tests.support import retail
from tests.support.databases import new_database, postgresql_server


def said(name: str, report: ToolReport) -> str:
    """A storm in a few lines, then every promise that broke."""
    lines = [
        f"{name}: {report.tasks} tasks, {report.calls} calls, {report.writes} of them write, in {report.seconds:.0f} s",
        f"  {report.kills} kills: {dict(report.deaths)}",
        (
            f"  people were asked {sum(report.answers.values())} times: {dict(report.answers)};"
            f" {report.repeated_reads} lookups were repeated"
        ),
        (
            f"  owed {format_usd(report.owed_nusd)}, recorded {format_usd(report.recorded_nusd)},"
            f" {format_usd(report.uncertain_nusd)} of it uncertain"
        ),
        f"  {report.replayed} runs replayed from their journals: {format_usd(report.replayed_nusd)}",
    ]
    for wrong, facts in report.wrongs.items():
        lines += [f"  {wrong.upper()}: {len(facts)}", *(f"    {fact}" for fact in facts[:20])]
    return "\n".join(lines if report.wrongs else [*lines, "  every promise held"])


async def main(options: argparse.Namespace) -> int:
    """Returns the number of storms in which a promise broke."""
    broken = 0
    tasks = retail.tasks()[: options.tasks]
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        for name in ("sqlite", "postgresql"):
            if options.only not in ("", name):
                continue
            for kills in dict.fromkeys((0, options.kills)):
                place = Path(folder) / f"{name}-{kills}"
                place.mkdir()
                url = f"sqlite:///{place / 'agents.db'}" if name == "sqlite" else new_database(server)
                await migrate(url)
                storm = ToolStorm(url, place, tasks, chance=options.chance, kills=kills, seed=options.seed)
                report = await storm.rage()
                print(said(f"{name}, {'killed' if kills else 'in peace'}", report), flush=True)
                broken += bool(report.wrongs)
    return broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.crash.tools", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="in each storm; afterwards the rest is done in peace")
    parser.add_argument("--chance", type=float, default=0.03, help="of a death at each of five moments of a call")
    parser.add_argument("--tasks", type=int, default=None, help="only the first so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["sqlite", "postgresql"], default="")
    sys.exit(asyncio.run(main(parser.parse_args())))

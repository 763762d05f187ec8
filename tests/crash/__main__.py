"""`python -m tests.crash --kills 1000`: kill -9 everything, long, and say what was lost and what was paid twice."""

import argparse
import asyncio
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from patterns.core.money import format_usd
from tests.crash.accounts import Report
from tests.crash.run_storm import Storm
from tests.crash.shop_storm import ShopReport, ShopStorm
from tests.crash.warm import warm
from tests.support.databases import new_database, postgresql_server

SHOWN = 20
"""Wrongs of a kind that are printed in full."""


def said(name: str, report: Report) -> str:
    """A storm in a few lines, then every promise that broke."""
    billed, recorded = format_usd(report.billed_nusd), format_usd(report.recorded_nusd)
    uncertain = ", ".join(f"{count} {reason}" for reason, count in report.uncertain.items()) or "none"
    lines = [
        f"{name}: {report.kills} kills in {report.seconds:.0f} s, {report.seconds / max(1, report.kills):.2f} s each",
        f"  {report.asked} requests, {report.accepted} accepted, {report.runs} runs, {report.calls} model calls",
        f"  deaths: {dict(report.ways)}; people: {dict(report.deeds)}; endings: {dict(report.endings)}",
        f"  billed {billed}, recorded {recorded}; the provider refused {report.refusals} and cut {report.cuts}",
        f"  uncertain: {uncertain}",
        f"  {report.replayed} runs replayed from their journals: {format_usd(report.replayed_nusd)}",
    ]
    if isinstance(report, ShopReport):
        owed, paid, doubtful = map(format_usd, (report.owed_nusd, report.paid_nusd, report.doubtful_nusd))
        lines += [
            f"  shop: {report.errands} errands, {report.finished} finished, {report.writes} acts",
            f"  shop: {report.repeated_reads} lookups repeated; cards: {dict(report.cards)}",
            f"  shop: owed {owed}, recorded {paid}, {doubtful} of it uncertain",
        ]
    for wrong, facts in report.wrongs.items():
        lines += [f"  {wrong.upper()}: {len(facts)}", *(f"    {fact}" for fact in facts[:SHOWN])]
    return "\n".join(lines if report.wrongs else [*lines, "  every promise held"])


async def main(kills: int, seed: int, only: str, keep: str, *, shop: bool) -> int:
    """Returns the number of storms in which a promise broke. Ctrl-C and SIGTERM end the storms and count what was."""
    broken, calm, kind = 0, asyncio.Event(), ShopStorm if shop else Storm
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        paths = {name: Path(keep or folder) / name for name in ("sqlite", "postgresql") if only in ("", name)}
        titles = {
            "sqlite": "One process on SQLite",
            "postgresql": "Two web processes and three workers on PostgreSQL",
        }
        for name, path in paths.items():
            path.mkdir(parents=True)
            storm = (
                kind(f"sqlite:///{path / 'agents.db'}", path, seed=seed, starter=warm)
                if name == "sqlite"
                else kind(new_database(server), path, seed=seed, webs=2, workers=3, starter=warm)
            )

            def interrupt(storm: Storm = storm) -> None:
                calm.set()
                storm.calm()

            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, interrupt)
            report = await storm.rage(kills, partial(print, f"{name}:", flush=True))
            print(said(titles[name], report), flush=True)
            broken += bool(report.wrongs)
            if calm.is_set():
                break
    return broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="in each storm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["sqlite", "postgresql"], default="")
    parser.add_argument("--keep", metavar="FOLDER", default="", help="keep logs and the SQLite file there")
    parser.add_argument("--shop", action="store_true", help="most requests act in a shop, with approvals by people")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.kills, options.seed, options.only, options.keep, shop=options.shop)))

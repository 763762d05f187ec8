"""The README's numbers: kept in docs/bench.json by bench, and written from there, so that both say the same."""

import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tests.bench.figures import Figure
from tests.bench.frameworks.peers import versions
from tests.bench.frameworks.tables import comparison

ROOT = Path(__file__).parents[2]
KEPT, README = ROOT / "docs" / "bench.json", ROOT / "README.md"
BEGIN, END = "<!-- numbers: written by `make bench` from docs/bench.json -->", "<!-- /numbers -->"
BETWEEN = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
Ended = Literal["whole", "failed", "cut off"]
Values = Mapping[str, float]
"""The figures of one bench by what they are of."""
Kept = dict[str, dict[str, Any]]
"""By bench: when and where it was measured, how it ended, and its figures."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the README's table; it is left out while its bench has not told a figure that it needs."""

    what: str
    bench: str
    says: Callable[[Values], str]


def _times(own: float, other: float) -> str:
    return f"{own / other:.1f} times"


def _acknowledged(meanwhile: str = "") -> Callable[[Values], str]:
    """Return the words for one and many connections, each beside an empty app under the same server."""

    def says(told: Values) -> str:
        def side_by_side(what: str, part: str) -> str:
            own, floor = told[f"ours, {what}{meanwhile}, {part}"], told[f"an empty Bolt app, {what}{meanwhile}, {part}"]
            return f"{own:.0f} beside {floor:.0f} ms"

        one, many = (
            f"{side_by_side(what, 'p50')} at the median, {side_by_side(what, 'p99')} at the 99th percentile"
            for what in ("1 connection", "32 connections")
        )
        return f"on one connection {one}; on 32 that never pause {many}"

    return says


ROWS = (
    Row("`agents --help`", "startup", lambda told: f"{told['help s']:.1f} s"),
    Row(
        "`agents run` until it takes requests over HTTP",
        "startup",
        lambda told: (
            f"{told['ready s']:.1f} s, {told['ready CPU s']:.1f} s of processor time; a request that comes before"
            " litellm is loaded is acknowledged and kept at once"
        ),
    ),
    Row(
        "memory",
        "startup",
        lambda told: f"{told['ready MB']:.0f} MB when ready, {told['loaded MB']:.0f} MB once litellm is loaded",
    ),
    Row(
        "200 runs at once with a model of 2 s",
        "runs",
        lambda told: f"{told['single, wall s']:.1f} s in all, {told['single, KB a run']:.0f} KB for a run in flight",
    ),
    Row(
        "a request of one model call, without Slack's messages, on SQLite",
        "commits",
        lambda told: _commits(told, "single"),
    ),
    Row(
        "the same of a pipeline of three, a broadcast of five and one, a supervisor's draft and its review",
        "commits",
        lambda told: ", ".join(_commits(told, flow) for flow in ("pipeline", "broadcast", "supervisor")),
    ),
    Row(
        "`/agents` acknowledged, its payload committed, beside an empty Bolt app, which looks every 10 ms",
        "acknowledgement",
        _acknowledged(),
    ),
    Row("the same while 100 runs work", "acknowledgement", _acknowledged(", while 100 runs work")),
    Row(
        "a crowd of 40 requests in one workspace, three workers",
        "slack_pace",
        lambda told: (
            f"all answered after {told['40 requests, one pace for all: all answered']:.0f} s, everything closed after"
            f" {told['40 requests, one pace for all: all closed']:.0f} s, with"
            f" {told['40 requests, one pace for all: calls a request']:.1f} calls to Slack for each,"
            f" {told['40 requests, one pace for all: refused by Slack']:.0f} of them refused"
        ),
    ),
    Row(
        "40 requests at once in one channel, which takes a message a second",
        "crowd",
        lambda told: (
            f"half answered after {told['40 requests in a channel: half answered']:.0f} s, all after"
            f" {told['40 requests in a channel: all answered']:.0f} s, with"
            f" {told['40 requests in a channel: calls a request']:.1f} calls to Slack for each"
        ),
    ),
    Row(
        "a request in another channel behind 500 of one person",
        "crowd",
        lambda told: (
            f"reaches its model after {told['behind 500 of one person']:.1f} s,"
            f" {told['behind 0 of one person']:.1f} s behind none"
        ),
    ),
    Row(
        "hold and settle on SQLite, alone",
        "ledger_pairs",
        lambda told: (
            f"{told['sqlite, a pair alone beside the bare driver']:.1f} times the bare driver's time for the"
            " same statements, a commit each"
        ),
    ),
    Row(
        "the same from 200 tasks",
        "ledger_pairs",
        lambda told: (
            f"{told['sqlite, 200 tasks']:,.0f} pairs a second on five accounts each,"
            f" {told['sqlite, 200 tasks beside the bare driver']:.1f} times what the bare driver reaches with a commit"
            " each"
        ),
    ),
    Row(
        "the same on PostgreSQL",
        "ledger_pairs",
        lambda told: (
            f"{told['postgresql, a pair alone beside the bare driver']:.1f} times the bare driver's time"
            f" alone, {told['postgresql, 200 tasks beside the bare driver']:.1f} times its rate from 200 tasks"
        ),
    ),
    Row(
        "a $1.00 budget asked for by 50 at once, two processes, after kills, with expensive or unbounded calls",
        "budget_peers",
        lambda told: f"never above ${max(_ours(told)):.2f} billed",
    ),
    Row(
        "one model call",
        "model_call",
        lambda told: (
            f"{told['ours, a call']:.1f} ms; {told['aiohttp by hand, a call']:.1f} ms by hand over aiohttp,"
            f" {told['litellm.acompletion, a call']:.1f} ms with `litellm.acompletion`"
        ),
    ),
    Row(
        "one call of a tool, held and journalled",
        "tools",
        lambda told: (
            f"{told['ours, a call']:.0f} ms and {told['ours, CPU a call']:.0f} ms of processor time; pydantic-ai, which"
            f" keeps nothing, {told['pydantic_ai, a call']:.0f} and {told['pydantic_ai, CPU a call']:.0f} ms"
        ),
    ),
    Row(
        "a broadcast of 8 voices",
        "patterns",
        lambda told: f"{told['a broadcast beside its slowest voice']:.2f} times its slowest voice",
    ),
    Row(
        "`/agents budget` at 1,000,000 calls",
        "budget_report",
        lambda told: (
            f"{_times(told['/agents budget at 1000000'], told['/agents budget at 10000'])} its processor time at 10,000"
        ),
    ),
    Row(
        "a killed worker's run goes on elsewhere",
        "workers",
        lambda told: f"after {told['the run of a killed worker goes on after']:.1f} s",
    ),
    Row(
        "a request of one model call on PostgreSQL, with everything that Slack needs",
        "workers",
        lambda told: (
            f"{told['a run, CPU of PostgreSQL']:.0f} ms of one of its cores,"
            f" {told['a run, transactions of PostgreSQL']:.0f} transactions"
        ),
    ),
    Row(
        "40,000 characters of the most expensive text we know, made ready for Slack",
        "rendering",
        lambda told: f"at most {told['the slowest']:.1f} s of processor time for any step of it",
    ),
)


def _commits(told: Values, flow: str) -> str:
    reads = told[f"{flow}, reads"]
    return f"{told[f'{flow}, commits']:.0f} commits and {reads:.0f} read{'s' * (reads > 1)}"


def _ours(told: Values) -> Iterable[float]:
    return [value for what, value in told.items() if what.endswith(": ours")]


def keep(name: str, figures: Iterable[Figure], *, ended: Ended, took_s: float, sync_ms: float) -> None:
    """Put a bench's figures into docs/bench.json and write the README's numbers anew.

    Of a bench that did not end whole, what it did not tell this time stays.
    """
    kept = read()
    told = {one.what: one for one in figures}
    if not told:
        return
    before = kept.get(name, {}).get("figures", ()) if ended != "whole" else ()
    older = [one for one in before if one["what"] not in told]
    kept[name] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "ended": ended,
        "took_s": round(took_s),
        "sync_ms": round(sync_ms, 2),
        "cores": os.cpu_count(),
        "versions": {"Python": platform.python_version(), **(versions() if name == "frameworks" else {})},
        "figures": [*map(asdict, told.values()), *older],
    }
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    README.write_text(written(README.read_text("utf-8"), kept), "utf-8")


def read() -> Kept:
    """Return what is kept of every bench."""
    kept: Kept = json.loads(KEPT.read_text("utf-8"))
    return kept


def written(readme: str, kept: Kept) -> str:
    """Return the README with its numbers as they are kept."""
    if not BETWEEN.search(readme):
        raise ValueError("the README has no place for the numbers")
    return BETWEEN.sub(lambda _: f"{BEGIN}\n{numbers(kept)}{END}", readme)


def numbers(kept: Kept) -> str:
    """Return the README's numbers: where and when they were measured, a line for each, ours beside frameworks."""
    values = {name: {one["what"]: float(one["value"]) for one in bench["figures"]} for name, bench in kept.items()}
    lines = [f"| {row.what} | {said}{_in_part(kept[row.bench])} |" for row in ROWS if (said := _said(row, values))]
    table = "\n".join(("| What | Figure |", "|---|---|", *lines))
    beside = kept.get("frameworks")
    return f"{_measured(kept)}\n\n{table}\n" + (f"\n{comparison(beside, values['frameworks'])}" if beside else "")


def _said(row: Row, values: Mapping[str, Values]) -> str:
    try:
        return row.says(values[row.bench])
    except (KeyError, ValueError):
        return ""


def _in_part(bench: Mapping[str, Any]) -> str:
    """Return what is said of a bench that did not end whole."""
    return "" if bench["ended"] == "whole" else " (measured in part)"


def _measured(kept: Kept) -> str:
    dates = [_day(date) for date in sorted({bench["date"] for bench in kept.values()})]
    syncs = sorted(bench["sync_ms"] for bench in kept.values())
    cores = sorted({bench["cores"] for bench in kept.values()})
    pythons = sorted({bench["versions"]["Python"] for bench in kept.values()})
    when = f"on {dates[0]}" if len(dates) == 1 else f"between {dates[0]} and {dates[-1]}"
    return (
        f"Measured {when}, {' or '.join(map(str, cores))} shared cores, Python {' and '.join(pythons)}, a sync of"
        f" the disk taking {syncs[0]:.1f} to {syncs[-1]:.1f} ms. Trust the ratios; `make bench` measures again, and"
        " [docs/bench.json](docs/bench.json) has every figure."
    )


def _day(date: str) -> str:
    return f"{datetime.fromisoformat(date):%d %B %Y}".lstrip("0")

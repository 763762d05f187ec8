"""Ours beside other frameworks, in Markdown, from the figures that `tests.bench.frameworks` told."""

from collections.abc import Mapping
from typing import Any

from tests.bench.frameworks.jobs import CALLS
from tests.bench.frameworks.peers import LEANEST, OUR_CALLS

LATENCY_MS = 50
Figures = dict[str, dict[str, dict[str, float]]]
"""By peer and pattern: runs_s, cpu_ms, added_ms, prompt_tokens; by peer and "fresh": s, mb."""


def name_of(peer: str, pattern: str, figure: str) -> str:
    """Return the name under which a figure is told."""
    return f"{peer} | {pattern} | {figure}"


def figures_of(values: Mapping[str, float]) -> Figures:
    """Return told figures by peer and pattern; a peer that was not measured whole is left out."""
    figures: Figures = {}
    for name, value in values.items():
        peer, pattern, figure = name.split(" | ")
        figures.setdefault(peer, {}).setdefault(pattern, {})[figure] = value
    return {peer: found for peer, found in figures.items() if _is_whole(found)}


def _is_whole(found: Mapping[str, Mapping[str, float]]) -> bool:
    wanted = {pattern: {"runs_s", "cpu_ms", "added_ms", "prompt_tokens"} for pattern in CALLS} | {"fresh": {"s", "mb"}}
    return all(found.get(pattern, {}).keys() >= names for pattern, names in wanted.items())


def comparison(bench: Mapping[str, Any], values: Mapping[str, float]) -> str:
    """Return both tables with what they show."""
    figures = figures_of(values)
    versions = ", ".join(f"{name} {version}" for name, version in bench["versions"].items() if name != "Python")
    return (
        "Beside other frameworks, the same work over the same model server; ours keeps the ledger and the journal that"
        " the others do not have. Runs a second with 100 at once and a model of 0 ms · milliseconds of processor time a"
        f" run (beside {LEANEST}) · milliseconds added to a model of {LATENCY_MS} ms, one run at a time. The"
        f" supervisor's work is {CALLS['supervisor']} calls, ours {OUR_CALLS['supervisor']}.\n\n{table(figures)}\n\n"
        f"{prompts_table(figures)}\n\nThe others send the same prompts, written by hand for this work alone. Compared"
        f" with: {versions}.\n"
    )


def table(figures: Figures) -> str:
    """Return speed and cost; in brackets the ratio of processor time to the leanest framework."""
    lines = ["| | " + " | ".join(CALLS) + " | first answer of a fresh process |", "|---" * (len(CALLS) + 2) + "|"]
    for name, by_pattern in figures.items():
        cells, beside = [], figures.get(LEANEST, by_pattern)
        for pattern in CALLS:
            row, leanest = by_pattern[pattern], beside[pattern]["cpu_ms"]
            ratio = f" ({row['cpu_ms'] / leanest:.1f} x)"
            cells.append(f"{row['runs_s']:,.0f}/s · {row['cpu_ms']:.1f}{ratio} · {row['added_ms']:+.1f}")
        fresh = by_pattern["fresh"]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {fresh['s']:.1f} s, {fresh['mb']:.0f} MB |")
    return "\n".join(lines)


def prompts_table(figures: Figures) -> str:
    """Return the prompt tokens of each pattern; peers that send the same share a line."""
    peers: dict[str, list[str]] = {}
    for name, by_pattern in figures.items():
        cells = " | ".join(f"{by_pattern[pattern]['prompt_tokens']:,.0f}" for pattern in CALLS)
        peers.setdefault(cells, []).append(name)
    lines = ["| prompt tokens | " + " | ".join(CALLS) + " |", "|---" * (len(CALLS) + 1) + "|"]
    lines += [f"| {', '.join(names)} | {cells} |" for cells, names in peers.items()]
    return "\n".join(lines)

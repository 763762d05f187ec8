"""The same work by us and by others, interleaved in one run: one table, with ratios to the leanest framework.

    python -m tests.bench.frameworks [--rounds 3] [--write]

Each peer is installed into an environment of its own, at the version named here. Ours keeps a ledger and a journal on
an SQLite file that is synced at every commit; the others write nothing. `--write` puts the table into the README and
docs/frameworks.json. Milliseconds are this machine's and this hour's: compare the ratios.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from tests.bench.commits import sync_ms
from tests.bench.frameworks.jobs import CALLS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KEPT_IN = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "agents-for-slack" / "bench"
LATENCY_MS = 50
CHARACTERS = 4
"""Characters of a token, roughly: enough to compare what is sent for the same work."""
LEANEST = "agent-framework"
BEGIN, END = "<!-- frameworks: written by `python -m tests.bench.frameworks --write` -->", "<!-- /frameworks -->"
OUR_CALLS = {**CALLS, "supervisor": 6}


@dataclass(frozen=True)
class Peer:
    """A framework: the module that drives it, and what is installed for it."""

    module: str
    packages: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """Return its interpreter; ours and the floor use this one."""
        return KEPT_IN / self.module / "bin" / "python" if self.packages else Path(sys.executable)


PEERS = {
    "ours": Peer("ours"),
    LEANEST: Peer("with_agent_framework", ("agent-framework-core==1.23.0", "agent-framework-openai==1.17.0")),
    "LangGraph": Peer("with_langgraph", ("langgraph==1.2.22", "langchain-openai==1.7.3")),
    "pydantic-ai": Peer("with_pydantic_ai", ("pydantic-ai-slim[openai]==2.68.0",)),
    "litellm": Peer("with_litellm", ("litellm==1.106.2",)),
    "raw aiohttp": Peer("raw_aiohttp"),
}
Figures = dict[str, dict[str, dict[str, float]]]
"""By peer and pattern: runs_s, cpu_ms, added_ms; by peer and "fresh": s, mb."""


def install(peer: Peer) -> None:
    """Bring the peer's environment, unless it is there."""
    if not peer.packages or (peer.python.parent / "ready").exists():
        return
    uv = Path(sys.executable).with_name("uv")
    folder = peer.python.parents[1]
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", peer.python, *peer.packages], check=True)
    (peer.python.parent / "ready").touch()


@contextmanager
def model_server(latency_ms: float) -> Iterator[str]:
    """Run a model server; its address."""
    command = [sys.executable, HERE / "model_server.py", "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def measured(peer: Peer, mode: str, pattern: str, url: str) -> dict[str, float]:
    """Measure in a process of its own; with the seconds that it took."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    begun_s = time.monotonic()
    done = subprocess.run(
        [peer.python, HERE / "measure.py", peer.module, mode, pattern, url],
        check=True,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "process_s": time.monotonic() - begun_s}


def told(url: str) -> dict[str, int]:
    """Return the calls and characters that a model server has had since it was asked last."""
    with urlopen(f"{url}/seen") as reply:  # noqa: S310 - our own server
        found: dict[str, int] = json.loads(reply.read())
    return found


def one_round(peers: Sequence[str], at_once_url: str, slow_url: str) -> Iterator[tuple[str, str, str, float]]:
    """Measure every peer once: name, pattern, figure, value."""
    for name in peers:
        peer, calls = PEERS[name], OUR_CALLS if name == "ours" else CALLS
        for pattern in CALLS:
            crowd = measured(peer, "crowd", pattern, at_once_url)
            yield name, pattern, "runs_s", crowd["runs_s"]
            yield name, pattern, "cpu_ms", crowd["cpu_ms"]
            waits = 2 if pattern == "broadcast" else calls[pattern]
            yield (
                name,
                pattern,
                "added_ms",
                measured(peer, "alone", pattern, slow_url)["ms"] - waits * LATENCY_MS,
            )
            told(at_once_url)
            measured(peer, "cold", pattern, at_once_url)
            seen = told(at_once_url)
            assert seen["calls"] == calls[pattern], f"{name} makes {seen['calls']} calls for {pattern}"
            yield name, pattern, "prompt_tokens", seen["characters"] / CHARACTERS
        cold = measured(peer, "cold", "single", at_once_url)
        yield name, "fresh", "s", cold["process_s"]
        yield name, "fresh", "mb", cold["mb"]


def gather(peers: Sequence[str], rounds: int) -> Figures:
    """Return the medians of all rounds."""
    found: dict[tuple[str, str, str], list[float]] = {}
    with model_server(0) as at_once_url, model_server(LATENCY_MS) as slow_url:
        for number in range(rounds):
            for name, pattern, figure, value in one_round(peers, at_once_url, slow_url):
                found.setdefault((name, pattern, figure), []).append(value)
                print(f"round {number + 1}: {name} {pattern} {figure} {value:.1f}", file=sys.stderr)
    figures: Figures = {name: {} for name in peers}
    for (name, pattern, figure), values in found.items():
        figures[name].setdefault(pattern, {})[figure] = statistics.median(values)
    return figures


def table(figures: Figures) -> str:
    """Return the table in Markdown; in brackets the ratio of processor time to the leanest framework."""
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
    """Return the prompt tokens of each pattern in Markdown."""
    lines = ["| prompt tokens | " + " | ".join(CALLS) + " |", "|---" * (len(CALLS) + 1) + "|"]
    for name, by_pattern in figures.items():
        lines.append(f"| {name} | " + " | ".join(f"{by_pattern[p]['prompt_tokens']:,.0f}" for p in CALLS) + " |")
    return "\n".join(lines)


def words(figures: Figures, disk_ms: float) -> str:
    """Return table and heading, as the README has it."""
    peers = [PEERS[name] for name in figures if PEERS[name].packages]
    versions = ", ".join(" and ".join(peer.packages).replace("==", " ") for peer in peers)
    return (
        f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores, Python {platform.python_version()}, a sync of"
        f" {disk_ms:.1f} ms. Runs a second with 100 at once and a model of 0 ms · milliseconds of processor time a run"
        f" (beside {LEANEST}) · milliseconds added to a model of {LATENCY_MS} ms, one run at a time. The supervisor's"
        f" work is 5 calls, ours 6.\n\n{table(figures)}\n\n{prompts_table(figures)}\n\nCompared with: {versions}.\n"
    )


def write(text: str, figures: Figures, disk_ms: float) -> None:
    """Put the table into the README, and the figures beside the documents."""
    readme = ROOT / "README.md"
    found = readme.read_text("utf-8")
    assert BEGIN in found, "the README has no place for the table"
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    readme.write_text(between.sub(lambda _: f"{BEGIN}\n{text}{END}", found), "utf-8")
    kept = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "sync_ms": disk_ms, "peers": figures}
    (ROOT / "docs/frameworks.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def main() -> None:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(description="Ours beside other frameworks.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    peers = options.peers.split(",")
    for name in peers:
        install(PEERS[name])
    with tempfile.TemporaryDirectory() as folder:
        disk_ms = sync_ms(Path(folder))
    figures = gather(peers, options.rounds)
    text = words(figures, disk_ms)
    print(text)
    if options.write:
        write(text, figures, disk_ms)


if __name__ == "__main__":
    main()

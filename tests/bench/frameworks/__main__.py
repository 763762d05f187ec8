"""The same work by us and by others, interleaved in one run: one table, with ratios to the leanest framework.

    python -m tests.bench.frameworks [--rounds 3]

Each peer is installed into an environment of its own, at the version named in `peers.py`. Ours keeps a ledger and a
journal on an SQLite file that is synced at every commit; the others write nothing. Milliseconds are this machine's and
this hour's: compare the ratios. What a round has measured is told at once, as the median of the rounds so far.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.bench.figures import tell
from tests.bench.frameworks.jobs import CALLS
from tests.bench.frameworks.peers import OUR_CALLS, OURS, PEERS, Peer, install
from tests.bench.frameworks.tables import LATENCY_MS, figures_of, name_of, prompts_table, table

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CHARACTERS = 4
"""Characters of a token, roughly: enough to compare what is sent for the same work."""
UNITS = {"runs_s": "/s", "cpu_ms": "ms", "added_ms": "ms", "prompt_tokens": "", "s": "s", "mb": "MB"}


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


def measured(peer: Peer, mode: str, pattern: str, *urls: str) -> dict[str, float]:
    """Measure in a process of its own; with the seconds that it took."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    begun_s = time.monotonic()
    done = subprocess.run(
        [peer.python, HERE / "measure.py", peer.module, mode, pattern, *urls],
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


def of_peer(name: str, at_once_url: str, slow_url: str) -> Iterator[tuple[str, str, float]]:
    """Measure a peer once: pattern, figure, value."""
    peer, calls = PEERS[name], OUR_CALLS if name == OURS else CALLS
    for pattern in CALLS:
        told(slow_url)
        found = measured(peer, "warm", pattern, slow_url, at_once_url)
        seen, runs = told(slow_url), found["runs_alone"]
        assert seen["calls"] == calls[pattern] * runs, f"{name} makes {seen['calls'] / runs} calls for {pattern}"
        waits = 2 if pattern == "broadcast" else calls[pattern]
        yield pattern, "runs_s", found["runs_s"]
        yield pattern, "cpu_ms", found["cpu_ms"]
        yield pattern, "added_ms", found["ms"] - waits * LATENCY_MS
        yield pattern, "prompt_tokens", seen["characters"] / runs / CHARACTERS
    cold = measured(peer, "cold", "single", at_once_url)
    yield "fresh", "s", cold["process_s"]
    yield "fresh", "mb", cold["mb"]


def gather(peers: Sequence[str], rounds: int) -> dict[str, float]:
    """Return the medians of all rounds by name, each told as soon as it is known."""
    found: dict[str, list[float]] = {}
    with model_server(0) as at_once_url, model_server(LATENCY_MS) as slow_url:
        for number in range(rounds):
            for peer in peers:
                for pattern, figure, value in of_peer(peer, at_once_url, slow_url):
                    name = name_of(peer, pattern, figure)
                    found.setdefault(name, []).append(value)
                    tell(name, statistics.median(found[name]), UNITS[figure])
                    print(f"round {number + 1}: {name} {value:.1f}", file=sys.stderr)
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(description="Ours beside other frameworks.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    options = parser.parse_args()
    peers = options.peers.split(",")
    for name in peers:
        install(PEERS[name])
    figures = figures_of(gather(peers, options.rounds))
    print(f"{table(figures)}\n\n{prompts_table(figures)}")


if __name__ == "__main__":
    main()

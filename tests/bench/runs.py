"""What one run costs this process, below Slack: runs a second, CPU and memory of 100 at once, over real HTTP.

python -m tests.bench.runs                        # every pattern, a model that takes no time
python -m tests.bench.runs --tree DIR --rounds 5  # the same of another checkout, in turn with this one
python -m tests.bench.runs --memory               # 200 at once, a model of 2 s: KB a run in flight, and the wall time
python -m tests.bench.runs --profile single       # where the time goes, by cProfile

The model is a process of its own. A run is accepted, claimed, planned, priced, held, journalled and finished on SQLite.
"""

import argparse
import asyncio
import contextlib
import cProfile
import json
import os
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.settings import read_settings
from storage.outbox import Outbox
from storage.run_rows import NewRun
from tests.bench.figures import tell

HERE = Path(__file__).parents[2]
RUNS, MANY, MANY_S = 100, 200, 2.0
ROUNDS, WARM = 3, 8
ROSTER = """
version: 1
models:
  m: {model: openai/bench, price: {input_usd_per_mtok: 0.25, output_usd_per_mtok: 2.00}}
agents:
  a: {description: Works., model: m, prompt: researcher, max_output_tokens: 300, timeout_s: 60}
  b: {description: Works too., model: m, prompt: researcher, max_output_tokens: 300, timeout_s: 60}
  c: {description: Works too., model: m, prompt: researcher, max_output_tokens: 300, timeout_s: 60}
  d: {description: Works too., model: m, prompt: researcher, max_output_tokens: 300, timeout_s: 60}
  e: {description: Works too., model: m, prompt: researcher, max_output_tokens: 300, timeout_s: 60}
  critic: {description: Reviews., model: m, prompt: critic, max_output_tokens: 300, timeout_s: 60}
  chair: {description: Sums up., model: m, prompt: chair, max_output_tokens: 300, timeout_s: 60}
flows:
  single: {description: One agent., agent: a}
  router: {description: One of two., router: {agents: [a, b]}}
  pipeline: {description: Three in turn., pipeline: [a, b, c]}
  broadcast: {description: Five at once., broadcast: {agents: [a, b, c, d, e], synthesizer: chair}}
  supervisor: {description: A draft and reviews., supervisor: {worker: a, reviewer: critic, rounds: 2,
    acceptance: Good.}}
router: {model: m, default: single, min_confidence: 0.6}
limits: {run_usd: 5, run_s: 600, confirm_above_usd: 100, concurrency: 8, steps: 30}
budgets: {workspace_usd: 100000, default_channel_usd: 100000, dm_user_usd: 100, new_channels: on,
  alerts: [50, 80, 95, 100], timezone: UTC}
"""
FLOWS = ("single", "router", "pipeline", "broadcast", "supervisor")


class Nobody:
    """A presenter and an event sink that show nothing; other checkouts may ask for other things."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox, self.progress = outbox, self

    def emit(self, _run_id: str, _event: object) -> None:
        pass

    async def begin(self, run: object) -> object:
        return run

    async def is_shown(self, _run: object) -> bool:
        return False

    def may_stream(self, _run: object) -> bool:
        return False

    def release(self, run: object) -> None:
        raise RuntimeError(f"{run} was lost")


def kb_of(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def one(engine: Engine, executor: Any, flow: str, number: str) -> None:
    """Accept a run and take it to its end."""
    roster = engine.roster
    run_id, _ = await engine.store.accept(
        NewRun(
            workspace="TBENCH",
            channel=f"C0{number}",
            channel_kind="channel",
            thread_ts="",
            user="U0BENCH",
            kind="terminal",
            request="Which database should we take for our event store?",
            flow=flow,
            options={"flow": flow, "agents": []},
            roster_hash=roster.hash,
            roster_json=roster.snapshot(),
            delivery_key=f"{flow} {number}",
        )
    )
    await executor.execute(run_id)
    ended = await engine.store.get(run_id)
    assert ended is not None
    assert ended.stop_reason in ("completed", "partial"), await engine.store.text(run_id, "result")


async def measured(flows: list[str], runs: int, *, profiled: bool) -> dict[str, dict[str, float]]:
    """Run each flow `runs` times at once in this process."""
    settings = read_settings(dict(os.environ))
    found: dict[str, dict[str, float]] = {}
    async with open_engine(settings, await choose_models(settings)) as engine:
        await engine.client.warm()
        nobody: Any = Nobody(Outbox(engine.db, engine.clock))
        executor = Executor(engine, nobody, nobody, owner="bench")
        for flow in flows:
            await asyncio.gather(*(one(engine, executor, flow, f"warm{number}") for number in range(WARM)))
            profile = cProfile.Profile()
            if profiled:
                profile.enable()
            before_kb, begun_s, used_s = kb_of("VmRSS"), time.perf_counter(), cpu_s()
            forget_peak()
            await asyncio.gather(*(one(engine, executor, flow, str(number)) for number in range(runs)))
            wall_s, used_s = time.perf_counter() - begun_s, cpu_s() - used_s
            profile.disable()
            if profiled:
                pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(60)
            found[flow] = {
                "runs/s": runs / wall_s,
                "CPU ms": used_s / runs * 1000,
                "wall s": wall_s,
                "KB a run": (kb_of("VmHWM") - before_kb) / runs,
            }
    return found


def forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


@contextlib.contextmanager
def model(delay_s: float) -> Iterator[str]:
    command = (sys.executable, "-m", "tests.fakes.provider", "--text", "A short answer.", "--delay-s", str(delay_s))
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield started.stdout.readline().strip()
        finally:
            started.kill()


def measured_apart(tree: Path, url: str, script: str, arguments: Sequence[str] = ()) -> Any:
    """Run a bench's script inside that checkout, with a ledger of its own; return what it prints last, as JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        roster = Path(scratch) / "roster.yml"
        roster.write_text(ROSTER, encoding="utf-8")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "PYTHONPATH": f"{tree}:{HERE}",
            "AGENTS_DATA_DIR": f"{scratch}/data",
            "AGENTS_ROSTER": str(roster),
            "AGENTS_LOG_LEVEL": "error",
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_API_BASE": f"{url}/v1",
        }
        command = (sys.executable, "-P", script, "--inside", *arguments)
        done = subprocess.run(command, cwd=tree, env=env, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])


def table(rounds: list[dict[Path, dict[str, dict[str, float]]]], columns: tuple[str, ...]) -> None:
    """Print medians, and how many times this tree's those of another are."""
    this, *_ = trees = list(rounds[0])
    for flow in rounds[0][this]:
        medians = {
            tree: [statistics.median(one[tree][flow][column] for one in rounds) for column in columns] for tree in trees
        }
        for column, figure in zip(columns, medians[this], strict=True):
            tell(f"{flow}, {column}", figure, column.partition(" ")[0] if " " in column else column)
        for tree, figures in medians.items():
            shown = "  ".join(f"{figure:9.2f} {column}" for figure, column in zip(figures, columns, strict=True))
            times = "  ".join(f"{figure / own:.2f}" for figure, own in zip(figures, medians[this], strict=True))
            print(f"{flow:11} {tree.name:12} {shown}" + (f"   times this tree's: {times}" if tree != this else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, action="append", default=[])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--profile", choices=FLOWS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--flow", action="append", default=[], choices=FLOWS)
    options = parser.parse_args()
    flows = options.flow or ([options.profile] if options.profile else ["single"] if options.memory else list(FLOWS))
    runs = MANY if options.memory else options.runs
    if options.inside:
        print(json.dumps(asyncio.run(measured(flows, runs, profiled=bool(options.profile)))))
        return
    trees = [HERE, *(tree.resolve() for tree in options.tree)]
    arguments = [f"--runs={runs}", *(f"--flow={flow}" for flow in flows)]
    arguments += [f"--profile={options.profile}"] if options.profile else []
    with model(MANY_S if options.memory else 0.0) as url:
        rounds = [
            {tree: measured_apart(tree, url, __file__, arguments) for tree in trees} for _ in range(options.rounds)
        ]
    table(rounds, ("wall s", "KB a run") if options.memory else ("runs/s", "CPU ms"))


if __name__ == "__main__":
    main()

"""What a start costs: help, ready, the first answer, memory before and after litellm; this tree, and others beside it.

python -m tests.bench.startup                       # this tree
python -m tests.bench.startup --tree DIR --rounds 5 # the same of another checkout, in turn with this one

CPU is that of the whole process; wall time of a busy machine says little beside it.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.process import free_port
from tests.bench.figures import tell
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import Team
from tests.support.processes import Watched
from tests.support.running_bot import bot_environment

HERE = Path(__file__).parents[2]
AGENTS = (sys.executable, "-c", "from bot.cli import main; main()")
GIVEN_S = 120.0
ROUNDS = 5
QUIET_S = 1.0
"""A process that used no more than a tenth of this has finished its import."""
Figures = dict[str, float]


@asynccontextmanager
async def process(tree: Path, env: dict[str, str], log: Path, *arguments: str) -> AsyncIterator[Watched]:
    with log.open("wb") as out:
        started = await asyncio.create_subprocess_exec(
            *AGENTS, *arguments, cwd=tree, env={**env, "PYTHONPATH": str(tree)}, stdout=out, stderr=out
        )
    try:
        yield Watched(started.pid)
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def helped(tree: Path, env: dict[str, str], log: Path) -> Figures:
    begun_s = time.monotonic()
    one = await asyncio.create_subprocess_exec(
        *AGENTS, "--help", cwd=tree, env={**env, "PYTHONPATH": str(tree)}, stdout=log.open("wb")
    )
    await one.wait()
    return {"help s": time.monotonic() - begun_s}


async def settled(bot: Watched) -> None:
    """Wait until the process has nothing more to import."""
    before_s = -1.0
    while bot.cpu_s() - before_s > QUIET_S / 10:
        before_s = bot.cpu_s()
        await asyncio.sleep(QUIET_S)


async def measured(tree: Path) -> Figures:
    """Start a bot three times on one ledger: the first makes it, the second is left alone, the third is asked."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir()
        async with SlackServer() as slack, Provider(Team()) as provider:
            env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=folder)
            log = Path(scratch) / "bot.log"
            figures |= await helped(tree, env, log)
            for turn in ("new", "idle", "asked"):
                begun_s = time.monotonic()
                async with process(tree, env, log, "run", "--port", str(free_port())) as bot:
                    async with asyncio.timeout(GIVEN_S):
                        while b'"ready"' not in log.read_bytes():  # noqa: ASYNC110 - another process writes it
                            await asyncio.sleep(0.005)
                    if turn == "idle":
                        figures |= {"ready s": time.monotonic() - begun_s, "ready CPU s": bot.cpu_s()}
                        figures["ready MB"] = bot.memory_mb()
                        await settled(bot)
                        figures |= {"loaded CPU s": bot.cpu_s(), "loaded MB": bot.memory_mb()}
            begun_s = time.monotonic()
            async with process(tree, env, log, "run"):
                await slack.wait_for(lambda: slack.sockets, timeout_s=GIVEN_S)
                await slack.command("use answer: SQLite or PostgreSQL?")
                await slack.wait_for(lambda: provider.calls, timeout_s=GIVEN_S)
                figures["first model call s"] = time.monotonic() - begun_s
                await slack.wait_for(lambda: any("asked:" in str(m) for m in slack.messages()), timeout_s=GIVEN_S)
    return figures


async def main(trees: list[Path], rounds: int) -> None:
    found: dict[Path, dict[str, list[float]]] = {tree: defaultdict(list) for tree in trees}
    for _ in range(rounds):
        for tree in trees:
            for name, figure in (await measured(tree)).items():
                found[tree][name].append(figure)
    names = list(found[trees[0]])
    print(f"{'':20}" + "".join(f"{name:>20}" for name in names))
    for tree in trees:
        shown = "".join(f"{statistics.median(found[tree][name]):20.2f}" for name in names)
        print(f"{tree.name:20}{shown}")
    for name in names:
        tell(name, statistics.median(found[trees[0]][name]), name.rpartition(" ")[2])
    for tree in trees[1:]:
        ratios = (statistics.median(found[trees[0]][n]) / statistics.median(found[tree][n]) for n in names)
        print(f"{'this : ' + tree.name:20}" + "".join(f"{ratio:20.2f}" for ratio in ratios))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, action="append", default=[], help="another checkout to measure beside")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    asyncio.run(main([HERE, *(tree.resolve() for tree in options.tree)], options.rounds))

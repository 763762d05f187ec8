"""How many functions of ours one request passes, from the keystroke to the answer, and how many before the first agent.

    .venv/bin/python -m tests.bench.hops [--list]

The whole bot in this process, over the Slack double: one command with a flow of its own choosing, until its answer
stands. A function counts once, however often it is called; comprehensions, lambdas and generated methods do not count.
The first agent's step ends the second figure. What other tasks do meanwhile counts too.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import defaultdict
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import FrameType
from typing import Any

from tests.bench.figures import tell
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import Team
from tests.support.running_bot import open_house

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(f"{ROOT / name}/" for name in ("bot", "patterns", "storage"))
ASKED = "use decide: SQLite or PostgreSQL?"
CLAIMED, FIRST_STEP = "Executor.execute", "AgentRunner.step"
WAIT_S = 120.0
"""Under a profiler, and while litellm is imported, all is slow."""
RESUMED = 3
"""The bits in the argument of `RESUME` that say a coroutine goes on: the profiler hears of that as of a call."""
Function = tuple[str, str]
"""A file and a qualified name."""


class Hops:
    """Counts functions by file while it is the profiler."""

    def __init__(self) -> None:
        self.passed: dict[Function, int] = {}
        self.executed: dict[Function, int] = {}
        self._since: str = ""

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(PACKAGES) or "<" in code.co_qualname.split(".")[-1]:
            return
        if not code.co_flags & CO_OPTIMIZED or code.co_code[frame.f_lasti + 1] & RESUMED:
            return  # the body of a class, or a coroutine that goes on
        function = (code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname)
        if code.co_qualname == FIRST_STEP or (code.co_qualname == CLAIMED and not self._since):
            self._since = code.co_qualname
        self.passed.setdefault(function, code.co_firstlineno)
        if self._since == CLAIMED:
            self.executed.setdefault(function, code.co_firstlineno)


async def count(hops: Hops) -> None:
    """Have two requests answered, and count on the way of the second: what a process does once belongs to none."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            SlackServer() as slack,
            Provider(Team()) as provider,
            open_house(api_url=slack.url, provider=provider, folder=Path(folder)) as house,
        ):
            await ask(slack, answers=1)
            sys.setprofile(hops)
            try:
                await ask(slack, answers=2)
                await house.until_no_run_is_open()
            finally:
                sys.setprofile(None)


async def ask(slack: SlackServer, *, answers: int) -> None:
    """Ask, and wait until so many answers stand."""

    def are_answered() -> bool:
        return sum("answered · " in str(message) for message in slack.messages()) >= answers

    await slack.command(ASKED)
    await slack.wait_for(are_answered, timeout_s=WAIT_S)


def table(functions: dict[Function, int], *, listed: bool) -> str:
    """Return the count of functions and files, with the functions by file when they are `listed`."""
    files: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for (file, name), line in functions.items():
        files[file].append((line, name))
    rows = [f"{len(functions)} functions in {len(files)} files"]
    if listed:
        rows += [f"  {file}: {', '.join(name for _, name in sorted(files[file]))}" for file in sorted(files)]
    return "\n".join(rows)


def main() -> None:
    """Count once, and print both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the functions")
    listed = parser.parse_args().list
    hops = Hops()
    asyncio.run(count(hops))
    for what, passed in (("to its answer", hops.passed), ("to the first step", hops.executed)):
        tell(f"functions {what}", len(passed), "")
    print("from the command to its answer:", table(hops.passed, listed=listed))
    print("from the claim of the run to the first agent's step:", table(hops.executed, listed=listed))


if __name__ == "__main__":
    main()

"""How long another channel's request waits while many requests of one person wait, on SQLite.

python -m tests.bench.crowd             # 40 requests in one channel; then behind none and 500 of one person
python -m tests.bench.crowd --told      # the first only: how soon they are answered, and with how many calls
python -m tests.bench.crowd --people 8  # behind 160 of eight people in two channels that wait for Slack's pace
python -m tests.bench.crowd --tree DIR  # the same of another checkout, for a before and after

The bot is a process of its own, with its own pace towards Slack (a post a second in a channel), and a model of half a
second. A row is the time from the other person's command until their request reaches the model.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.figures import tell
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import bot_environment

HERE = Path(__file__).parents[2]
CROWDS = (0, 500)
OF_MANY, TOLD, MARK = 160, 40, "Until then SQLite is one file"
CROWD, OTHER, QUIET = "U0LEE", "U0DANA", "C0QUIET"
MODEL_S, LOOK_S, GIVEN_UP_S, SETTLE_S = 0.5, 0.01, 120.0, 8.0
ROSTER = "extends: shipped\nbudgets: {new_channels: on, workspace_usd: 10000, default_channel_usd: 1000}\n"
ROOMY = {"AGENTS_QUEUE": "person=1000 channel=1000 all=5000"}


@asynccontextmanager
async def running(tree: Path, folder: Path, slack: SlackServer, provider: Provider) -> AsyncIterator[None]:
    """A bot of that checkout over Socket Mode, that has answered once."""
    env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=folder)
    folder.with_name(f"{folder.name}-enabled.yml").write_text(ROSTER, encoding="utf-8")
    log = folder / "bot.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from bot.cli import main; main()", "run"),
            cwd=tree,
            env={**env, **ROOMY, "PYTHONPATH": str(tree)},
            stdout=out,
            stderr=out,
        )
    try:
        while b"ready" not in log.read_bytes():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(LOOK_S)
        await reaches_model(slack, provider, "warm")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ask(slack: SlackServer, word: str, *, user: str, channel: str) -> None:
    await slack.command(f"use answer with researcher: what is {word}?", user=user, channel=channel)


async def reaches_model(slack: SlackServer, provider: Provider, word: str) -> float | None:
    """Seconds until the other person's request reaches the model; None when it does not."""
    began_s = time.monotonic()
    await ask(slack, word, user=OTHER, channel=QUIET)
    while time.monotonic() - began_s < GIVEN_UP_S:
        if any(f"what is {word}?" in json.dumps(call.body) for call in provider.calls):
            return time.monotonic() - began_s
        await asyncio.sleep(LOOK_S)
    return None


async def measure(tree: Path, crowd: int, people: int = 1) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir()
        async with SlackServer() as slack, Provider(Team(delay_s=MODEL_S)) as provider:
            slack.workspace.add_channel(QUIET, "quiet", {OTHER, BOT_USER})
            names = [CROWD, *(f"U0MORE{number}" for number in range(1, people))]
            for number in range(2 if people > 1 else 0):
                slack.workspace.add_channel(f"C0CROWD{number}", f"crowd{number}", {*names, BOT_USER})
            for name in names[1:]:
                slack.workspace.add_user(name, name.title())
            async with running(tree, folder, slack, provider):
                for number in range(crowd):
                    channel = f"C0CROWD{number % 2}" if people > 1 else "C0PLATFORM"
                    await ask(slack, f"thing {number}", user=names[number % people], channel=channel)
                waited_s = await reaches_model(slack, provider, "quiet")
    told = f"{waited_s:8.2f} s" if waited_s is not None else f"more than {GIVEN_UP_S:.0f} s"
    whose = f"{people} people in two channels" if people > 1 else "one person"
    tell(f"behind {crowd} of {whose}", GIVEN_UP_S if waited_s is None else waited_s, "s")
    print(f"  behind {crowd:3} requests of {whose}: {told}", flush=True)


async def measure_told(tree: Path) -> None:
    """Ask 40 times in one channel, and look when the answers stand and when everything is told."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir()
        async with SlackServer() as slack, Provider(Team(delay_s=MODEL_S)) as provider:
            slack.workspace.add_channel(QUIET, "quiet", {OTHER, BOT_USER})
            async with running(tree, folder, slack, provider):
                await asyncio.sleep(SETTLE_S)  # the request that warmed up is told
                before, began_s = len(slack.workspace.calls), time.monotonic()
                for number in range(TOLD):
                    await ask(slack, f"thing {number}", user=CROWD, channel="C0PLATFORM")
                answered_s: list[float] = []
                last_call_s, calls = began_s, before
                while time.monotonic() - last_call_s < SETTLE_S or len(answered_s) < TOLD:
                    await asyncio.sleep(0.1)
                    if len(slack.workspace.calls) > calls:
                        calls, last_call_s = len(slack.workspace.calls), time.monotonic()
                    stand = sum(MARK in str(one) for one in slack.messages("C0PLATFORM"))
                    answered_s += [time.monotonic() - began_s] * (stand - len(answered_s))
                made = Counter(method for method, _ in slack.workspace.calls[before:])
    closed_s = last_call_s - began_s
    tell(f"{TOLD} requests in a channel: half answered", answered_s[TOLD // 2 - 1], "s")
    tell(f"{TOLD} requests in a channel: all answered", answered_s[-1], "s")
    tell(f"{TOLD} requests in a channel: all closed", closed_s, "s")
    tell(f"{TOLD} requests in a channel: calls a request", made.total() / TOLD, "")
    print(
        f"  {TOLD} requests in one channel: half answered after {answered_s[TOLD // 2 - 1]:.0f} s, all after"
        f" {answered_s[-1]:.0f} s, all closed after {closed_s:.0f} s; {made.total() / TOLD:.1f} calls a request:"
        f" {', '.join(f'{method} {count}' for method, count in made.most_common())}",
        flush=True,
    )


async def main(tree: Path, people: int, *, told: bool) -> None:
    if told or people == 1:
        await measure_told(tree)
    if told:
        return
    print("until another channel's request reaches the model")
    for crowd in CROWDS if people == 1 else (OF_MANY,):
        await measure(tree, crowd, people)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=HERE, help="the checkout whose bot is measured")
    parser.add_argument("--people", type=int, default=1, help="how many people the crowd is")
    parser.add_argument("--told", action="store_true", help="how soon 40 requests in one channel are answered")
    options = parser.parse_args()
    asyncio.run(main(options.tree.resolve(), options.people, told=options.told))

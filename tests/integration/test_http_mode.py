"""`agents run` as a process of its own: signed HTTP, health, an orderly end, and one bot on a ledger."""

import asyncio
import hashlib
import hmac
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.demo.process import free_port
from bot.manifest import EVENTS_PATH
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SIGNING_SECRET, SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.fakes.team import Team
from tests.support.running_bot import KEY, bot_environment

ROOT = Path(__file__).parents[2]
RUN = (sys.executable, "-c", "from bot.cli import main; main()", "run")
START_S, END_S = 60, 20
DECIDE = "use decide: SQLite or PostgreSQL?"


class Process:
    """A started bot: its log so far, and its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, event: str) -> None:
        """Read its log up to that event."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S):
            while not self.has(event):
                line = await self.process.stdout.readline()
                assert line, f"ended before {event!r}: {self.log}"
                self.lines.append(line.decode())

    async def ended(self) -> int:
        """Its exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(END_S):
            self.lines.append((await self.process.stdout.read()).decode())
            return await self.process.wait()

    def has(self, event: str) -> bool:
        return any(f'"event": "{event}"' in line for line in self.lines)

    @property
    def log(self) -> str:
        return "".join(self.lines)


@asynccontextmanager
async def agents_run(env: Mapping[str, str], *options: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *RUN, *options, cwd=ROOT, env=dict(env), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def env(slack: SlackServer, provider: Provider, tmp_path: Path) -> dict[str, str]:
    return bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)


@pytest.fixture
async def bot(slack: SlackServer, env: dict[str, str]) -> AsyncIterator[Process]:
    """Serves HTTP; `slack` delivers there."""
    port = free_port()
    slack.request_url = f"http://127.0.0.1:{port}{EVENTS_PATH}"
    async with agents_run(env, "--port", str(port)) as bot:
        await bot.until("ready")
        yield bot


def answered(slack: SlackServer) -> bool:
    return any("Take SQLite now" in message["text"] for message in slack.messages())


async def post(url: str, *, secret: str = SIGNING_SECRET, age_s: int = 0) -> int:
    """Deliver a command; returns the status."""
    fields = {"command": "/agents", "text": DECIDE, "team_id": TEAM, "channel_id": "C0PLATFORM", "user_id": "U0DANA"}
    body, stamp = urlencode({**fields, "trigger_id": "t1"}), str(int(time.time()) - age_s)
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as reply:
        return reply.status


async def test_a_signed_request_is_answered_and_a_termination_waits_for_it(
    slack: SlackServer, team: Team, bot: Process
) -> None:
    team.delay_s = 1.0
    async with (
        aiohttp.ClientSession() as session,
        session.get(slack.request_url.replace(EVENTS_PATH, "/livez")) as reply,
    ):
        assert (reply.status, await reply.json()) == (200, {"ok": True})
    await slack.say(f"<@{BOT_USER}> {DECIDE}")
    await slack.wait_for(lambda: len(slack.messages()) == 2)
    bot.process.send_signal(signal.SIGTERM)
    assert await bot.ended() == 0
    assert answered(slack)
    assert '"event": "draining"' in bot.log
    assert not [secret for secret in (KEY, SIGNING_SECRET, "xoxb-test", DECIDE) if secret in bot.log]


async def test_what_is_not_signed_by_slack_starts_nothing(slack: SlackServer, bot: Process) -> None:
    assert await post(slack.request_url, secret="somebody else's") == 401
    assert await post(slack.request_url, age_s=6 * 60) == 401
    assert slack.calls("chat.postMessage") == []
    assert await post(slack.request_url) == 200
    await slack.wait_for(lambda: answered(slack))
    assert bot.process.returncode is None


async def test_a_second_bot_on_the_same_ledger_is_refused_in_a_sentence(env: dict[str, str]) -> None:
    async with agents_run(env) as first:
        await first.until("ready")
        async with agents_run(env) as second:
            assert await second.ended() == 1
    assert second.log.startswith("agents: Another bot already runs on the ledger /")
    assert len(second.log.splitlines()) == 1


async def test_a_killed_bot_goes_on_where_it_was(slack: SlackServer, team: Team, env: dict[str, str]) -> None:
    team.delay_s = 1.0
    async with agents_run(env) as bot:
        await bot.until("ready")
        await slack.command(DECIDE)
        await bot.until("step_finished")
        bot.process.kill()
        assert await bot.ended() == -signal.SIGKILL
    async with agents_run(env) as bot:
        await slack.wait_for(lambda: answered(slack), timeout_s=START_S)
        await bot.until("run_ended")
    posted = [json.dumps(message["text"]) for message in slack.messages()]
    assert sum("Take SQLite now" in text for text in posted) == 1

"""News nobody asked for is told once and never lost, also when its process is killed between any two steps."""

import asyncio
import os
import signal
import sys
from typing import Literal

import pytest

from bot.messages.views import SlackMessage
from bot.slack.announcements import OnceOnlyAnnouncements
from bot.slack.errors import SlackError
from bot.slack.workspaces import OneToken, Slack, slack_client, slack_session
from storage.chores import LEASE_US, Chores
from storage.database.connect import connect
from storage.outbox import Outbox
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_TOKEN, TEAM
from tests.support.ledgers import START_US, FakeClock

CHANNEL = "C0PLATFORM"
KEY = "alert/T1/C0PLATFORM/2026-11/80"
NEWS = SlackMessage("80 % of this month's budget are spent.")
Moment = Literal["claimed", "intended", "sent", "posted", "never"]


class DyingOutbox(Outbox):
    """Ends the process with SIGKILL at a moment of the post, or never."""

    moment: Moment = "never"

    async def add_intent(self, *args, **named):  # type: ignore[no-untyped-def] # noqa: ANN002, ANN003, ANN201 - as there
        self._die("claimed")
        known = await super().add_intent(*args, **named)
        self._die("intended")
        return known

    async def mark_posted(self, run_id: str, name: str, ts: str) -> None:
        self._die("sent")
        await super().mark_posted(run_id, name, ts)
        self._die("posted")

    def _die(self, moment: Moment) -> None:
        if moment == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


async def tell(database_url: str, slack_url: str, *, now_us: int = START_US, moment: Moment = "never") -> None:
    """One process that has the news, once."""
    database, clock = await connect(database_url), FakeClock(now_us)
    outbox = DyingOutbox(database, clock)
    outbox.moment = moment
    try:
        async with slack_session() as session:
            slack = Slack(slack_client(session, slack_url), outbox, clock, OneToken(BOT_TOKEN))
            news = OnceOnlyAnnouncements(slack, Chores(database, clock), by=f"process {os.getpid()}")
            if await news.unannounced([KEY]):
                await news.announce([KEY], NEWS, workspace=TEAM, channels=[CHANNEL])
    finally:
        await database.close()


async def killed_at(moment: Moment, database_url: str, slack_url: str) -> int | None:
    """The same in a process of its own; how it ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.test_news", database_url, slack_url, moment
    )
    return await process.wait()


def told(slack: SlackServer) -> list[str]:
    return [message["text"] for message in slack.messages(CHANNEL)]


@pytest.mark.parametrize("moment", ["claimed", "intended", "sent", "posted"])
async def test_whoever_comes_after_a_kill_tells_it_once(moment: Moment, database_url: str) -> None:
    async with SlackServer() as slack:
        assert await killed_at(moment, database_url, slack.url) == -signal.SIGKILL
        before = told(slack)
        await tell(database_url, slack.url)
        during = told(slack)
        for _ in range(2):
            await tell(database_url, slack.url, now_us=START_US + LEASE_US)
        assert before == during == ([NEWS.text] if moment in {"sent", "posted"} else [])
        assert told(slack) == [NEWS.text]


async def test_what_slack_refused_is_told_when_the_claim_has_run_out(database_url: str) -> None:
    async with SlackServer() as slack:
        slack.fail("chat.postMessage", error="not_in_channel")
        await tell(database_url, slack.url)
        await tell(database_url, slack.url)
        assert told(slack) == []
        await tell(database_url, slack.url, now_us=START_US + LEASE_US)
        assert told(slack) == [NEWS.text]


class HalfOpen:
    """A Slack where one person cannot be reached."""

    def __init__(self) -> None:
        self.posts: list[str] = []

    def of(self, workspace: str) -> "HalfOpen":
        assert workspace == TEAM
        return self

    async def open_dm(self, user: str) -> str:
        if user == "UGONE":
            raise SlackError.of("user_not_found", "conversations.open")
        return f"D{user}"

    async def post_once(self, run_id: str, name: str, *, channel: str, message: SlackMessage) -> None:
        assert (run_id, name, message) == (KEY, channel, NEWS)
        self.posts.append(channel)


async def test_somebody_who_is_gone_does_not_keep_it_from_the_others(database_url: str) -> None:
    database, slack = await connect(database_url), HalfOpen()
    for _ in range(2):
        news = OnceOnlyAnnouncements(slack, Chores(database, FakeClock()), by="A")  # type: ignore[arg-type]
        if await news.unannounced([KEY, "another"]):
            await news.announce(["another", KEY], NEWS, workspace=TEAM, users=["UGONE", "U1"])
    await database.close()
    assert slack.posts == ["DU1"]


if __name__ == "__main__":
    asyncio.run(tell(sys.argv[1], sys.argv[2], moment=sys.argv[3]))  # type: ignore[arg-type]

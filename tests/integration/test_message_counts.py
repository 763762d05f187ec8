"""The number of our messages for each kind of request: docs/messages.md says what this counts."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.messages.action_ids import REVIEW_APPROVE, RUN_CONFIRM, RUN_RETRY, RUN_STOP
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.integration.test_remedies import buttons
from tests.integration.test_review import DRAFT, Desk
from tests.support.running_bot import open_house

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
PLATFORM, DM = "C0PLATFORM", "D0DANA"
ASK = "use answer: SQLite or PostgreSQL?"
SAID = "once two programs write"


class Script:
    """A team that can be slow, out of order, or reviewed."""

    def __init__(self) -> None:
        self.team, self.desk = Team(), Desk()
        self.is_broken = self.is_reviewed = False

    def __call__(self, call: Call) -> Reply:
        if self.is_broken:
            return Reply(status=401, error="Incorrect API key provided")
        return self.desk(call) if self.is_reviewed else self.team(call)


def documented() -> dict[str, tuple[int, int]]:
    """The table of the page: messages and private ones by kind."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return {kind: (int(messages), int(private)) for kind, _before, messages, private in lines[1:]}


def ours(slack: SlackServer, channel: str) -> list[str]:
    found = [message for message in slack.messages(channel) if message["user"] == BOT_USER]
    return [json.dumps([message["text"], message.get("blocks", [])], ensure_ascii=False) for message in found]


async def until(slack: SlackServer, words: str, channel: str = PLATFORM, times: int = 1) -> None:
    # The first request of a process waits for litellm.
    await slack.wait_for(lambda: sum(words in text for text in ours(slack, channel)) >= times, 60)


async def command(slack: SlackServer, _: Script) -> None:
    await slack.command(ASK)
    await until(slack, "✅ answered")


async def mention(slack: SlackServer, _: Script) -> None:
    await slack.say(f"<@{BOT_USER}> {ASK}")
    await until(slack, SAID)


async def direct_message(slack: SlackServer, _: Script) -> None:
    await slack.say(ASK, channel=DM)
    await until(slack, SAID, DM)


async def follow_up(slack: SlackServer, _: Script) -> None:
    root = await slack.say(f"<@{BOT_USER}> {ASK}")
    await until(slack, SAID)
    await slack.say("use answer: and for three teams?", thread_ts=root)
    await until(slack, SAID, times=2)


async def stopped_command(slack: SlackServer, script: Script) -> None:
    script.team.delay_s = 5.0
    await slack.command(ASK)
    await slack.wait_for(lambda: RUN_STOP in buttons(slack), 60)
    await slack.click(RUN_STOP)
    await until(slack, "stopped")


async def stopped_mention(slack: SlackServer, script: Script) -> None:
    script.team.delay_s = 5.0
    await slack.say(f"<@{BOT_USER}> {ASK}")
    await slack.wait_for(lambda: RUN_STOP in buttons(slack), 60)
    await slack.click(RUN_STOP)
    await until(slack, "Stopped after")


async def refused(slack: SlackServer, _: Script) -> None:
    await slack.say(f"<@{BOT_USER}> use postmortem: checkout was down")
    await slack.wait_for(slack.ephemerals, 60)


async def failed(slack: SlackServer, script: Script) -> None:
    script.is_broken = True
    await slack.command(ASK)
    await until(slack, "❌ failed")


async def failed_and_retried(slack: SlackServer, script: Script) -> None:
    await failed(slack, script)
    script.is_broken = False
    await slack.click(RUN_RETRY)
    await until(slack, "✅ answered")


async def reviewed(slack: SlackServer, script: Script) -> None:
    script.is_reviewed = True
    await slack.command(DRAFT)
    await slack.wait_for(lambda: RUN_CONFIRM in buttons(slack), 60)
    await slack.click(RUN_CONFIRM)
    await slack.wait_for(lambda: REVIEW_APPROVE in buttons(slack), 60)
    await slack.click(REVIEW_APPROVE)
    await until(slack, "✅ answered")


async def queued(slack: SlackServer, script: Script) -> None:
    script.team.delay_s = 1.0
    root = await slack.say(f"<@{BOT_USER}> {ASK}")
    await slack.wait_for(lambda: RUN_STOP in buttons(slack), 60)
    await slack.say("use answer: and for three teams?", thread_ts=root)
    await until(slack, SAID, times=2)


KINDS: dict[str, tuple[Callable[[SlackServer, Script], Awaitable[None]], int]] = {
    "command": (command, 0),
    "mention": (mention, 0),
    "direct message": (direct_message, 0),
    "follow-up": (follow_up, 1),
    "stopped command": (stopped_command, 0),
    "stopped mention": (stopped_mention, 0),
    "refused": (refused, 0),
    "failed": (failed, 0),
    "failed, and retried": (failed_and_retried, 0),
    "reviewed": (reviewed, 0),
    "queued in a busy thread": (queued, 1),
    "longer than 20 s": (command, 0),
}
"""What happens, and how many of our messages belong to the request before it."""


def test_every_kind_is_in_the_table() -> None:
    assert list(documented()) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_leaves_as_many_messages_as_the_table_says(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    script = Script()
    if kind.startswith("longer"):
        monkeypatch.setattr("bot.threads.answer_place.NEW_POST_AFTER_S", 0.0)
    happens, earlier = KINDS[kind]
    cap_nusd = 1_000_000 if kind == "refused" else None
    async with (
        Provider(script, strict=False) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path, month_cap_nusd=cap_nusd) as house,
    ):
        await happens(slack, script)
        await house.until_no_run_is_open()
        channel = DM if kind == "direct message" else PLATFORM
        assert (len(ours(slack, channel)) - earlier, len(slack.ephemerals())) == documented()[kind]

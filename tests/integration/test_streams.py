"""Answers in direct messages: seen while they are written, and in the end one message that the ledger knows."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.demo.process import free_port
from bot.threads import streaming as streams
from tests.crash.fleet import Member
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import House, Opened, bot_environment

pytestmark = pytest.mark.usefixtures("quick")
DM = "D0DANA"
PARAGRAPHS = [f"Paragraph {n} about <!channel> and [a link](https://evil.example/{n})." for n in range(1, 7)]
ANSWER = "\n\n".join(PARAGRAPHS)
ASK = "use answer: what is a stream?"


class Writer:
    """Streams the answer in many chunks, as slowly as the test needs."""

    def __init__(self) -> None:
        self.chunk_delay_s = 0.0
        self.text = ANSWER

    def __call__(self, call: Call) -> Reply:
        if call.schema is not None:
            return Team()(call)
        return Reply(self.text, chunks=60, chunk_delay_s=self.chunk_delay_s)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "APPEND_INTERVAL_S", 0.01)


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def team(writer: Writer) -> Writer:
    return writer


def said(slack: SlackServer, channel: str = DM) -> list[str]:
    mine = [m for m in slack.messages(channel) if m["user"] == BOT_USER]
    return [json.dumps([m["text"], m["blocks"]], ensure_ascii=False) for m in mine]


def answers(slack: SlackServer) -> list[str]:
    return [one for one in said(slack) if "Paragraph 6" in one]


async def until_done(slack: SlackServer) -> None:
    """Wait until the answer stands, with the button for its details, and the plan has gone."""
    await slack.wait_for(
        lambda: any("run_details" in one for one in said(slack)) and not any("run_stop" in one for one in said(slack))
    )


def fed(slack: SlackServer) -> str:
    calls = [*slack.calls("chat.startStream"), *slack.calls("chat.appendStream")]
    chunks: list[dict[str, Any]] = [chunk for call in calls for chunk in call["chunks"]]
    return "".join(chunk["text"] for chunk in chunks if chunk["type"] == "markdown_text")


async def test_an_answer_is_seen_while_it_is_written_and_stands_once(
    slack: SlackServer, house: House, writer: Writer
) -> None:
    writer.chunk_delay_s = 0.02
    await slack.say(ASK, channel=DM)
    await until_done(slack)
    assert len(slack.calls("chat.startStream")) == 1
    assert len(slack.calls("chat.appendStream")) > 1
    assert "Paragraph 1" in fed(slack)
    assert len(answers(slack)) == 1
    streamed = [m for m in slack.messages(DM) if "streaming_since_s" in m]
    assert [m["streaming_since_s"] for m in streamed] == [None]
    assert " agent" in streamed[0]["text"]
    assert house.ledger("SELECT COUNT(*) FROM slack_out WHERE name = 'answer/0' AND state = 'posted'") == 1


@pytest.mark.usefixtures("house")
async def test_nothing_a_model_writes_is_live_in_a_stream(slack: SlackServer, writer: Writer) -> None:
    writer.chunk_delay_s = 0.02
    await slack.say(ASK, channel=DM)
    await until_done(slack)
    assert "<" not in fed(slack)
    assert "](" not in fed(slack)


@pytest.mark.usefixtures("house")
async def test_what_a_model_thinks_aloud_is_never_streamed(slack: SlackServer, writer: Writer) -> None:
    writer.chunk_delay_s, writer.text = 0.02, f"<think>\nmy secret\n\nis this\n</think>\n\n{ANSWER}"
    await slack.say(ASK, channel=DM)
    await until_done(slack)
    assert "Paragraph 1" in fed(slack)
    assert "secret" not in fed(slack)
    assert len(answers(slack)) == 1


@pytest.mark.usefixtures("house")
async def test_thinking_that_only_a_closing_tag_gives_away_is_taken_away_again(
    slack: SlackServer, writer: Writer
) -> None:
    writer.chunk_delay_s, writer.text = 0.02, "My secret\n\nis this\n\nand that.\n</think>\n\n" + ANSWER
    await slack.say(ASK, channel=DM)
    await until_done(slack)
    assert [one for one in said(slack) if "secret" in one] == []
    assert len(slack.calls("chat.delete")) > 0
    assert len(answers(slack)) == 1


@pytest.mark.usefixtures("house")
async def test_channels_are_not_streamed_to(slack: SlackServer) -> None:
    await slack.command(ASK)
    await slack.wait_for(lambda: any("✅ answered" in one for one in said(slack, "C0PLATFORM")))
    assert slack.calls("chat.startStream") == []


@pytest.mark.usefixtures("house")
async def test_a_stream_that_slack_closed_goes_on_in_a_new_one(slack: SlackServer, writer: Writer) -> None:
    writer.chunk_delay_s = 0.02
    slack.fail("chat.appendStream", error="message_not_in_streaming_state")
    await slack.say(ASK, channel=DM)
    await until_done(slack)
    assert len(slack.calls("chat.startStream")) == 2
    assert len(answers(slack)) == 1
    assert len([m for m in slack.messages(DM) if "streaming_since_s" in m]) == 1


@pytest.mark.usefixtures("house")
async def test_an_old_stream_is_left_before_it_dies(
    slack: SlackServer, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "ROLL_OVER_S", 0.4)
    writer.chunk_delay_s = 0.02
    await slack.say(ASK, channel=DM)
    await until_done(slack)
    assert len(slack.calls("chat.startStream")) > 1
    assert fed(slack).count("Paragraph 1") == 1
    assert len(answers(slack)) == 1


@pytest.mark.parametrize("error", ["unknown_method", "feature_not_enabled"])
@pytest.mark.usefixtures("house")
async def test_where_streams_are_unknown_answers_are_posted_and_nobody_asks_again(
    slack: SlackServer, error: str
) -> None:
    slack.fail("chat.startStream", error=error, times=9)
    slack.fail("agents.sessions.setStatus", error=error, times=9)
    for number in (1, 2):
        await slack.say(ASK, channel=DM)
        await slack.wait_for(lambda number=number: len(answers(slack)) == number)
    await until_done(slack)
    assert len(slack.calls("chat.startStream")) == 1
    assert len(slack.calls("agents.sessions.setStatus")) == 1


@pytest.mark.usefixtures("house")
async def test_a_deleted_stream_does_not_take_the_answer_with_it(slack: SlackServer, writer: Writer) -> None:
    writer.chunk_delay_s = 0.02
    await slack.say(ASK, channel=DM)
    ts = await slack.wait_for(lambda: [m["ts"] for m in slack.messages(DM) if "streaming_since_s" in m])
    messages = slack.workspace.channels[DM].messages
    messages[:] = [m for m in messages if m["ts"] != ts[0]]
    await until_done(slack)
    assert len(answers(slack)) == 1


async def test_a_crash_in_the_middle_leaves_one_answer(slack: SlackServer, opened: Opened, writer: Writer) -> None:
    writer.chunk_delay_s = 0.1
    async with opened():
        await slack.say(ASK, channel=DM)
        await slack.wait_for(lambda: slack.calls("chat.appendStream"))
    writer.chunk_delay_s = 0.0
    async with opened() as house:
        await until_done(slack)
        assert len(answers(slack)) == 1
        assert house.held_nusd() == 0


@pytest.mark.usefixtures("house")
async def test_the_agent_view_says_whose_turn_it_is(slack: SlackServer) -> None:
    await slack.say("use postmortem: checkout was down", channel=DM)
    await slack.wait_for(lambda: any("run_cancel" in one for one in said(slack)))
    await slack.wait_for(lambda: len(slack.calls("agents.sessions.setStatus")) == 2)
    calls = slack.calls("agents.sessions.setStatus")
    states = [call["status"] for call in calls]
    assert [call.get("title") for call in calls] == ["checkout was down", None]
    assert states == ["processing", "suspended"]
    await slack.click("run_cancel", channel=DM)
    await slack.wait_for(lambda: slack.calls("agents.sessions.setStatus")[-1]["status"] == "active")


@pytest.mark.usefixtures("house")
async def test_only_the_first_request_of_a_thread_names_it(slack: SlackServer) -> None:
    ts = await slack.say(ASK, channel=DM)
    await until_done(slack)
    await slack.say("and a river?", channel=DM, thread_ts=ts)
    await slack.wait_for(lambda: len(answers(slack)) == 2)
    begun = [call for call in slack.calls("agents.sessions.setStatus") if call["status"] == "processing"]
    assert [call.get("title") for call in begun] == ["what is a stream?", None]


async def test_an_answer_that_could_not_replace_its_stream_is_owed_and_replaces_it_later(
    slack: SlackServer, opened: Opened, writer: Writer
) -> None:
    writer.chunk_delay_s = 0.02
    slack.fail("chat.stopStream", error="token_revoked", times=2)
    async with opened():
        await slack.say(ASK, channel=DM)
        async with asyncio.timeout(30):
            while len(slack.calls("chat.stopStream")) < 2:  # noqa: ASYNC110 - a refusal changes nothing in Slack
                await asyncio.sleep(0.02)
    async with opened():
        await until_done(slack)
    assert len(answers(slack)) == 1
    assert len([m for m in slack.messages(DM) if " agent" in m["text"]]) == 1


@pytest.mark.usefixtures("house")
async def test_where_a_stream_cannot_be_edited_the_answer_is_posted_in_its_place(
    slack: SlackServer, writer: Writer
) -> None:
    writer.chunk_delay_s = 0.02
    slack.fail("chat.update", error="cant_update_message", times=99)
    await slack.say(ASK, channel=DM)
    await slack.wait_for(lambda: any(" agent" in one for one in said(slack)))
    assert (len(slack.calls("chat.delete")), len(answers(slack))) == (1, 1)


async def test_killed_while_it_streams_the_answer_stands_once_and_no_stream_stays_open(
    writer: Writer, provider: Provider, tmp_path: Path
) -> None:
    port = free_port()
    async with SlackServer(request_url=f"http://127.0.0.1:{port}/slack/events") as slack:
        env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
        bot = Member("run", port, env, tmp_path / "bot.log")
        bot.start()
        try:
            await bot.ready()
            writer.chunk_delay_s = 0.2
            await slack.say(ASK, channel=DM)
            await slack.wait_for(lambda: "Paragraph 2" in fed(slack))
            bot.kill()
            writer.chunk_delay_s = 0.0
            bot.start()
            await bot.ready()
            await until_done(slack)
        finally:
            bot.kill()
    assert len(answers(slack)) == 1
    assert [m["streaming_since_s"] for m in slack.messages(DM) if "streaming_since_s" in m] == [None]
    assert " agent" in answers(slack)[0]

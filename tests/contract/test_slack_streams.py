"""Streams of the Slack double, spoken to by Slack's own client."""

from collections.abc import AsyncIterator

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_TOKEN, Now

DM, CHANNEL = "D0DANA", "C0PLATFORM"


@pytest.fixture
async def slack(now: Now) -> AsyncIterator[SlackServer]:
    async with SlackServer(clock=now) as slack:
        yield slack


@pytest.fixture
def client(slack: SlackServer) -> AsyncWebClient:
    return AsyncWebClient(token=BOT_TOKEN, base_url=slack.url, retry_handlers=[])


async def a_root(client: AsyncWebClient, channel: str = DM) -> str:
    return str((await client.chat_postMessage(channel=channel, text="root"))["ts"])


async def test_a_stream_grows_until_it_is_stopped(slack: SlackServer, client: AsyncWebClient) -> None:
    root = await a_root(client)
    stream = await client.chat_stream(channel=DM, thread_ts=root, buffer_size=1)
    await stream.append(markdown_text="one ")
    await stream.append(chunks=[{"type": "task_update", "id": "a", "title": "Look", "status": "complete"}])
    await stream.stop(markdown_text="two")
    (_, message) = slack.messages(DM)
    assert (message["text"], message["tasks"]) == ("one two", {"a": ("Look", "complete")})
    with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
        await client.chat_appendStream(channel=DM, ts=message["ts"], markdown_text="three")


async def test_a_stream_dies_after_five_minutes_and_is_edited_only_then(client: AsyncWebClient, now: Now) -> None:
    ts = (await client.chat_startStream(channel=DM, thread_ts=await a_root(client), markdown_text="a"))["ts"]
    with pytest.raises(SlackApiError, match="streaming_state_conflict"):
        await client.chat_update(channel=DM, ts=ts, text="edited")
    now.seconds += 299
    await client.chat_appendStream(channel=DM, ts=ts, markdown_text="b")
    now.seconds += 1
    for call in (client.chat_appendStream, client.chat_stopStream):
        with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
            await call(channel=DM, ts=ts, markdown_text="c")
    assert (await client.chat_update(channel=DM, ts=ts, text="edited"))["ok"]


@pytest.mark.parametrize(
    ("channel", "arguments", "refusal"),
    [
        (CHANNEL, {"markdown_text": "a"}, "missing_recipient_user_id"),
        (DM, {"markdown_text": "x" * 12_001}, "msg_too_long"),
        (DM, {"chunks": [{"type": "task_update", "id": "a", "title": "t", "status": "soon"}]}, "invalid_chunks"),
        (DM, {"chunks": [{"type": "picture"}]}, "invalid_chunks"),
        (DM, {"thread_ts": "1.0"}, "invalid_thread_ts"),
    ],
)
async def test_what_slack_refuses(
    client: AsyncWebClient, channel: str, arguments: dict[str, str], refusal: str
) -> None:
    place = {"channel": channel, "thread_ts": await a_root(client, channel)}
    with pytest.raises(SlackApiError, match=refusal):
        await client.api_call("chat.startStream", json={**place, **arguments})


async def test_sessions_have_four_states(client: AsyncWebClient) -> None:
    place = {"channel_id": DM, "thread_ts": await a_root(client)}
    assert (await client.api_call("agents.sessions.setStatus", json={**place, "status": "suspended"}))["ok"]
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.api_call("agents.sessions.setStatus", json={**place, "status": "sleeping"})

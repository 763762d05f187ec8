"""What goes out arrives once, in turn, or ends in a reason that names who can mend it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.messages.views import SlackMessage
from bot.slack.client import SlackClient
from bot.slack.errors import SlackError
from bot.slack.web_api import retry_after_s
from bot.slack.workspaces import OneToken, Slack, slack_client, slack_session
from tests.fakes.memory import MemoryOutbox
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_TOKEN, BOT_USER, TEAM

C = "C0PLATFORM"
HELLO = SlackMessage("hello", ({"type": "section", "text": {"type": "mrkdwn", "text": "hello"}},))


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def now_us(self) -> int:
        return int(self.now_s * 1_000_000)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
async def out(slack: SlackServer, outbox: MemoryOutbox, clock: FakeClock) -> AsyncIterator[SlackClient]:
    async with slack_session() as session:
        yield Slack(slack_client(session, slack.url), outbox, clock, OneToken(BOT_TOKEN)).of(TEAM)


def texts(slack: SlackServer) -> list[str]:
    return [message["text"] for message in slack.messages(C)]


async def test_a_message_posts_once_however_often_it_is_asked_for(slack: SlackServer, out: SlackClient) -> None:
    first = await out.post_once("run", "root", channel=C, message=HELLO)
    assert await out.post_once("run", "root", channel=C, message=HELLO) == first
    assert texts(slack) == ["hello"]


async def test_a_post_never_parses_names_and_never_unfurls(slack: SlackServer, out: SlackClient) -> None:
    await out.post_once("run", "root", channel=C, message=HELLO)
    (sent,) = slack.calls("chat.postMessage")
    wanted = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    assert {name: sent[name] for name in wanted} == wanted


@pytest.mark.parametrize("lose", ["before", "after"])
@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_lost_answer_never_doubles_or_drops_a_post(
    slack: SlackServer, out: SlackClient, lose: str, *, in_thread: bool
) -> None:
    thread_ts = await out.post(channel=C, message=SlackMessage("thread")) if in_thread else None
    slack.fail("chat.postMessage", lose=lose)
    ts = await out.post_once("run", "answer", channel=C, thread_ts=thread_ts, message=HELLO)
    assert [m["ts"] for m in slack.messages(C) if m["text"] == "hello"] == [ts]


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_is_tried_again(slack: SlackServer, out: SlackClient, status: int) -> None:
    slack.fail("chat.postMessage", status=status, times=2)
    await out.post_once("run", "answer", channel=C, message=HELLO)
    assert texts(slack) == ["hello"]


async def test_a_crash_between_post_and_record_adopts_the_message(
    slack: SlackServer, out: SlackClient, outbox: MemoryOutbox
) -> None:
    ts = await out.post_once("run", "answer", channel=C, message=HELLO)
    outbox.rows["run", "answer"] = ("intended", None)
    assert await out.post_once("run", "answer", channel=C, message=HELLO) == ts
    assert texts(slack) == ["hello"]


async def test_without_metadata_the_block_id_marks_the_message(
    slack: SlackServer, out: SlackClient, outbox: MemoryOutbox
) -> None:
    ts = await out.post_once("run", "answer", channel=C, message=HELLO)
    del slack.messages(C)[0]["metadata"]
    outbox.rows["run", "answer"] = ("intended", None)
    assert await out.post_once("run", "answer", channel=C, message=HELLO) == ts


async def test_a_crash_before_the_post_posts(slack: SlackServer, out: SlackClient, outbox: MemoryOutbox) -> None:
    outbox.rows["run", "answer"] = ("intended", None)
    await out.post_once("run", "answer", channel=C, message=HELLO)
    assert texts(slack) == ["hello"]


async def test_where_we_cannot_look_the_reader_is_told(
    slack: SlackServer, out: SlackClient, outbox: MemoryOutbox
) -> None:
    outbox.rows["run", "answer"] = ("intended", None)
    slack.fail("conversations.history", error="missing_scope")
    await out.post_once("run", "answer", channel=C, message=HELLO)
    assert texts(slack) == ["hello\n\n_You may see this twice: I could not check whether it had arrived._"]


async def test_retry_after_is_obeyed(slack: SlackServer, out: SlackClient, clock: FakeClock) -> None:
    slack.fail("chat.postMessage", retry_after_s=30)
    start_s = clock.now_s
    await out.post_once("run", "answer", channel=C, message=HELLO)
    assert (texts(slack), clock.now_s - start_s) == (["hello"], pytest.approx(30))


async def test_refused_blocks_go_out_as_text(slack: SlackServer, out: SlackClient) -> None:
    broken = SlackMessage("all of it", ({"type": "sextion"},))
    await out.post_once("run", "answer", channel=C, message=broken)
    assert [(m["text"], m["blocks"]) for m in slack.messages(C)] == [("all of it", [])]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("not_in_channel", "not_in_channel"),
        ("channel_not_found", "not_in_channel"),
        ("is_archived", "archived"),
        ("account_inactive", "revoked"),
        ("token_revoked", "revoked"),
        ("missing_scope", "missing_scope"),
        ("something_new", "refused"),
    ],
)
async def test_a_refusal_has_the_kind_of_slack_s_code(
    slack: SlackServer, out: SlackClient, code: str, kind: str
) -> None:
    slack.fail("chat.postMessage", error=code)
    with pytest.raises(SlackError) as refused:
        await out.post_once("run", "answer", channel=C, message=HELLO)
    assert (refused.value.kind, refused.value.code) == (kind, code)


async def test_a_channel_without_the_bot_refuses(out: SlackClient) -> None:
    with pytest.raises(SlackError, match="Invite me with /invite @agents"):
        await out.post_once("run", "root", channel="C0OTHER", message=HELLO)


async def test_an_update_replaces_the_message(slack: SlackServer, out: SlackClient) -> None:
    ts = await out.post_once("run", "progress", channel=C, message=HELLO)
    slack.fail("chat.update", lose="after")
    await out.update(channel=C, ts=ts, message=SlackMessage("done"))
    assert texts(slack) == ["done"]


async def test_an_ephemeral_is_seen_by_one_person(slack: SlackServer, out: SlackClient) -> None:
    await out.ephemeral(channel=C, user="U0DANA", message=HELLO)
    assert [len(slack.ephemerals("U0DANA")), len(slack.ephemerals("U0LEE")), texts(slack)] == [1, 0, []]


async def test_a_response_url_is_private_and_wears_out(slack: SlackServer, out: SlackClient) -> None:
    url = slack._response_url(C, "U0DANA")
    for _ in range(5):
        await out.respond(url, HELLO)
    with pytest.raises(SlackError) as worn:
        await out.respond(url, HELLO)
    assert (worn.value.kind, len(slack.ephemerals("U0DANA")), texts(slack)) == ("gone", 5, [])


async def test_our_direct_messages_open_once(out: SlackClient) -> None:
    assert [await out.open_dm("U0DANA"), await out.open_dm("U0LEE")] == ["D0DANA", "D0LEE"]


async def test_the_bot_is_itself(out: SlackClient) -> None:
    assert (await out.call("auth.test"))["user_id"] == BOT_USER


@pytest.mark.parametrize(
    ("said", "expected_s"),
    [("30", 30.0), ("0.5", 0.5), ("-3", 0.0), ("86400", 3600.0), ("nan", 1.0), ("inf", 1.0), ("soon", 1.0), ("", 1.0)],
)
def test_a_wait_that_cannot_be_right_is_not_believed(said: str, expected_s: float) -> None:
    assert retry_after_s({"Retry-After": said}) == expected_s

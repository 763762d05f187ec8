"""The Slack double behaves to a real Bolt app as Slack does, where local-slack does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack_installs import CLIENT_ID, CLIENT_SECRET
from tests.fakes.slack_server import SIGNING_SECRET, SlackServer
from tests.fakes.slack_state import APP_TOKEN, BOT_TOKEN, BOT_USER, Now

C = "C0PLATFORM"
BUTTON = {"type": "button", "action_id": "go", "value": "v", "text": {"type": "plain_text", "text": "Go"}}
FIELD = {"type": "plain_text_input", "action_id": "typed", "initial_value": "as it was"}
MODAL = {
    "type": "modal",
    "callback_id": "ask",
    "title": {"type": "plain_text", "text": "Ask"},
    "submit": {"type": "plain_text", "text": "Run"},
    "blocks": [{"type": "input", "block_id": "b", "label": {"type": "plain_text", "text": "What"}, "element": FIELD}],
}


@pytest.fixture
async def slack(now: Now) -> AsyncIterator[SlackServer]:
    async with SlackServer(clock=now, ack_s=0.2) as server:
        yield server


@pytest.fixture
def client(slack: SlackServer) -> AsyncWebClient:
    return AsyncWebClient(token=BOT_TOKEN, base_url=slack.url, retry_handlers=[])


@pytest.fixture
async def app(slack: SlackServer, client: AsyncWebClient) -> AsyncIterator[AsyncApp]:
    app = AsyncApp(client=client)
    handler = AsyncSocketModeHandler(
        app, APP_TOKEN, web_client=AsyncWebClient(token=APP_TOKEN, base_url=slack.url), ping_interval=5
    )
    await handler.connect_async()
    await slack.wait_for(lambda: slack.sockets)
    yield app
    await handler.close_async()


async def test_a_command_is_answered_privately(slack: SlackServer, app: AsyncApp) -> None:
    @app.command("/agents")
    async def agents(ack: Any, command: Any, respond: Any) -> None:
        await ack()
        await respond(f"heard {command['text']}")

    assert await slack.command("this") == {}
    await slack.wait_for(slack.ephemerals)
    assert ([m["text"] for m in slack.ephemerals()], slack.messages(C)) == (["heard this"], [])


async def test_a_mention_comes_as_two_events_of_one_message(slack: SlackServer, app: AsyncApp) -> None:
    heard: list[tuple[str, str]] = []

    @app.event("message")
    async def message(event: Any) -> None:
        heard.append(("message", event["ts"]))

    @app.event("app_mention")
    async def mention(event: Any) -> None:
        heard.append(("app_mention", event["ts"]))

    ts = await slack.say(f"<@{BOT_USER}> hello")
    assert sorted(heard) == [("app_mention", ts), ("message", ts)]


async def test_a_click_knows_its_message_and_thread(slack: SlackServer, app: AsyncApp) -> None:
    clicked: list[Any] = []

    @app.action("go")
    async def go(ack: Any, body: Any) -> None:
        await ack()
        clicked.append(body)

    root = await slack.say("root")
    posted = await app.client.chat_postMessage(
        channel=C, thread_ts=root, text="t", blocks=[{"type": "actions", "elements": [BUTTON]}]
    )
    await slack.click("go")
    (body,) = clicked
    assert (body["container"]["message_ts"], body["container"]["thread_ts"]) == (posted["ts"], root)
    assert body["actions"][0]["value"] == "v"


async def test_a_form_keeps_initial_values_and_shows_its_errors(slack: SlackServer, app: AsyncApp) -> None:
    seen: list[str] = []

    @app.command("/agents")
    async def agents(ack: Any, command: Any, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=command["trigger_id"], view=MODAL)

    @app.view("ask")
    async def ask(ack: Any, view: Any) -> None:
        value = view["state"]["values"]["b"]["typed"]["value"]
        seen.append(value)
        await ack(response_action="errors", errors={"b": "empty"}) if value == "bad" else await ack()

    await slack.command("")
    await slack.wait_for(lambda: slack.workspace.views)
    assert await slack.submit({"b": {"typed": "bad"}}) == {"response_action": "errors", "errors": {"b": "empty"}}
    assert await slack.submit() == {}
    assert (seen, slack.workspace.views) == (["bad", "as it was"], {})


async def test_triggers_are_good_once_and_for_three_seconds(
    slack: SlackServer, client: AsyncWebClient, now: Now
) -> None:
    trigger, late = slack.workspace.trigger("U0DANA"), slack.workspace.trigger("U0DANA")
    await client.views_open(trigger_id=trigger, view=MODAL)
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await client.views_open(trigger_id=trigger, view=MODAL)
    now.seconds += 4
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=late, view=MODAL)


async def test_an_unacked_event_is_tried_again_with_its_number(slack: SlackServer, app: AsyncApp) -> None:
    numbers: list[list[str]] = []

    @app.middleware
    async def deaf_at_first(req: Any, next_: Any) -> None:
        numbers.append(req.headers.get("x-slack-retry-num", []))
        if len(numbers) == 1:
            await asyncio.sleep(0.3)
        await next_()

    @app.event("app_mention")
    async def mention() -> None:
        return None

    acked = await slack.event({"type": "app_mention", "user": "U0DANA", "text": "x", "ts": "1.1", "channel": C})
    assert (acked, numbers[:2]) == ({}, [["0"], ["1"]])


async def test_an_envelope_goes_to_one_of_several_sockets(slack: SlackServer, app: AsyncApp) -> None:
    heard: list[str] = []
    other = AsyncApp(client=app.client)
    for number, bot in (("1", app), ("2", other)):
        bot.command("/agents")(_hearing(number, heard))
    handler = AsyncSocketModeHandler(other, APP_TOKEN, web_client=AsyncWebClient(token=APP_TOKEN, base_url=slack.url))
    await handler.connect_async()
    await slack.wait_for(lambda: len(slack.sockets) == 2)
    for _ in range(4):
        await slack.command("x")
    await handler.close_async()
    assert sorted(heard) == ["1", "1", "2", "2"]


def _hearing(number: str, heard: list[str]) -> Any:
    """A listener of its own per app, because Bolt overrides the defaults of unknown arguments."""

    async def hear(ack: Any) -> None:
        await ack()
        heard.append(number)

    return hear


async def test_limits_are_enforced(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await client.chat_postMessage(channel=C, text="t", blocks=[{"type": "divider"}] * 51)
    with pytest.raises(SlackApiError, match="no_text"):
        await client.api_call("chat.postMessage", json={"channel": C, "text": ""})
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await client.chat_postMessage(channel="C0OTHER", text="t")


async def test_metadata_is_kept_and_shown_when_asked_for(client: AsyncWebClient) -> None:
    metadata = {"event_type": "agents_message", "event_payload": {"run": "r"}}
    await client.chat_postMessage(channel=C, text="t", metadata=metadata)
    plain = await client.conversations_history(channel=C)
    full = await client.conversations_history(channel=C, include_all_metadata=True)
    assert ("metadata" in plain["messages"][0], full["messages"][0]["metadata"]) == (False, metadata)


async def test_a_file_goes_up_into_its_thread(slack: SlackServer, client: AsyncWebClient) -> None:
    root = (await client.chat_postMessage(channel=C, text="root"))["ts"]
    await client.files_upload_v2(channel=C, thread_ts=root, filename="a.txt", content="all of it")
    (file,) = slack.messages(C, root)[1]["files"]
    assert slack.workspace.files[file["id"]]["content"] == b"all of it"


async def test_scripted_faults_are_used_up(slack: SlackServer, client: AsyncWebClient) -> None:
    slack.fail("chat.postMessage", retry_after_s=7)
    with pytest.raises(SlackApiError) as limited:
        await client.chat_postMessage(channel=C, text="t")
    assert (limited.value.response.status_code, limited.value.response.headers["Retry-After"]) == (429, "7")
    assert (await client.chat_postMessage(channel=C, text="t"))["ok"]


async def test_signed_http_reaches_bolt_and_its_answer_comes_back() -> None:
    app = AsyncApp(token=BOT_TOKEN, signing_secret=SIGNING_SECRET)

    @app.command("/agents")
    async def agents(ack: Any, command: Any) -> None:
        await ack(f"heard {command['text']}")

    async def receive(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    server = web.Application()
    server.router.add_post("/slack/events", receive)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with SlackServer(request_url=f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events") as slack:
        app.client.base_url = slack.url
        assert await slack.command("this & that") == {"text": "heard this & that"}
    await runner.cleanup()


async def test_another_process_can_act_through_the_control_api(slack: SlackServer) -> None:
    async with aiohttp.ClientSession(slack.base) as session:
        async with session.post("/_control/fail", json={"method": "chat.postMessage", "error": "is_archived"}) as done:
            assert done.status == 200
        async with session.get(f"/_control/{C}") as seen:
            assert await seen.json() == []
    assert [fault.error for fault in slack.workspace.faults] == ["is_archived"]


async def test_a_code_becomes_a_token_of_its_workspace_once(slack: SlackServer, client: AsyncWebClient) -> None:
    other = slack.beside("T0OTHER", name="Other").workspace
    page = f"{slack.base}/oauth/v2/authorize?client_id={CLIENT_ID}&scope=chat:write&state=s"
    code = slack.tokens.allow(page, other, user="U0LEE", is_org_wide=False)["code"]
    exchange = {"code": code, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    with pytest.raises(SlackApiError, match="bad_client_secret"):
        await client.oauth_v2_access(**{**exchange, "client_secret": "guessed"})
    given = await client.oauth_v2_access(**exchange)
    with pytest.raises(SlackApiError, match="invalid_code"):
        await client.oauth_v2_access(**exchange)
    assert (await client.auth_test(token=given["access_token"]))["team_id"] == "T0OTHER"
    slack.tokens.revoke((other,))
    with pytest.raises(SlackApiError, match="token_revoked"):
        await client.auth_test(token=given["access_token"])
    assert (await client.auth_test())["team_id"] == slack.workspace.team

"""The stage itself: a person types, a bot on the real protocol answers in the thread, buttons work, nothing leaks."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo import local_slack as stage
from bot.demo.local_slack import LocalSlack
from patterns.core.errors import UserError
from tests.e2e.slack_page import SlackPage

BUTTON = {"type": "button", "action_id": "again", "text": {"type": "plain_text", "text": "Again"}, "value": "1"}

FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "Ask"},
    "submit": {"type": "plain_text", "text": "Start"},
    "blocks": [
        {
            "type": "input",
            "block_id": "request",
            "label": {"type": "plain_text", "text": "Request"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        },
        {
            "type": "input",
            "block_id": "flow",
            "label": {"type": "plain_text", "text": "Flow"},
            "element": {
                "type": "static_select",
                "action_id": "name",
                "options": [
                    {"text": {"type": "plain_text", "text": name.title()}, "value": name}
                    for name in ("answer", "decide")
                ],
            },
        },
    ],
}


@pytest.fixture
async def parrot(local_slack: LocalSlack) -> AsyncIterator[LocalSlack]:
    """A bot that quotes a command in the channel, answers in its thread and has a button; without words, a form."""
    client = AsyncWebClient(stage.BOT_TOKEN, base_url=local_slack.api_url)
    app = AsyncApp(client=client, signing_secret=stage.SIGNING_SECRET)

    @app.command("/agents")
    async def _(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        if not body["text"]:
            await client.views_open(trigger_id=body["trigger_id"], view=FORM)
            return
        channel = body["channel_id"]
        root = await client.chat_postMessage(channel=channel, text=f"asked: {body['text']}")
        blocks = [
            {"type": "section", "text": {"type": "mrkdwn", "text": "Here is *all* I know."}},
            {"type": "actions", "block_id": "more", "elements": [BUTTON]},
        ]
        await client.chat_postMessage(channel=channel, thread_ts=root["ts"], text="answer", blocks=blocks)

    @app.action("again")
    async def _(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        thread = body["message"]["thread_ts"]
        person = body["user"]["id"]
        await client.chat_postMessage(channel=body["channel"]["id"], thread_ts=thread, text=f"again for {person}")

    @app.view("form")
    async def _(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        values = body["view"]["state"]["values"]
        flow = values["flow"]["name"]["selected_option"]["value"]
        await client.chat_postMessage(channel=stage.TRY_IT, text=f"{flow}: {values['request']['text']['value']}")

    handler = AsyncSocketModeHandler(
        app, stage.APP_TOKEN, web_client=AsyncWebClient(stage.APP_TOKEN, base_url=local_slack.api_url)
    )
    await handler.connect_async()
    yield local_slack
    await handler.close_async()


async def test_a_person_types_a_command_and_reads_the_thread(parrot: LocalSlack, page: Page, tmp_path: Path) -> None:
    slack = await SlackPage.open(page, parrot.url)
    await slack.until_bot_is_connected()
    await slack.type("/agents compare Postgres and DynamoDB")
    await slack.open_thread("asked: compare Postgres and DynamoDB")
    await slack.until_thread_says("Here is all I know.")
    await slack.press("Again")
    await slack.until_thread_says(f"again for {stage.ADA}")
    await slack.picture(tmp_path / "thread.png")
    assert len(await slack.thread()) == 3


async def test_a_person_fills_in_a_form(parrot: LocalSlack, page: Page) -> None:
    slack = await SlackPage.open(page, parrot.url)
    await slack.until_bot_is_connected()
    await slack.type("/agents")
    await slack.fill_in("Request", "SQLite or PostgreSQL?")
    await slack.choose("Flow", "Decide")
    await slack.press("Start")
    await slack.until_channel_says("decide: SQLite or PostgreSQL?")


async def test_the_page_opens_where_something_is_to_see(local_slack: LocalSlack, page: Page) -> None:
    await page.goto(local_slack.url)
    await expect(page.locator(".channel-title")).to_have_text("# tour")


async def test_the_same_through_the_control_api(parrot: LocalSlack) -> None:
    async with asyncio.timeout(20):
        await parrot.command("compare", user=stage.DANA)
        while len(messages := await parrot.messages()) < 2:  # noqa: ASYNC110 - the other side is a program
            await asyncio.sleep(0.02)
        await parrot.click(messages[1], "again", user=stage.DANA)
        while len(messages := await parrot.messages()) < 3:  # noqa: ASYNC110 - same
            await asyncio.sleep(0.02)
    assert [message["text"] for message in messages] == ["asked: compare", "answer", f"again for {stage.DANA}"]
    with pytest.raises(KeyError):
        await parrot.click(messages[1], "no such button")


async def test_a_port_in_use_is_a_sentence(local_slack: LocalSlack, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"Port {local_slack.port} is in use"):
        async with LocalSlack(env={}, folder=tmp_path, port=local_slack.port):
            pass


async def test_it_says_truthfully_whether_only_loopback_leads_to_it(local_slack: LocalSlack) -> None:
    assert is_free(("127.0.0.2", local_slack.port)) == local_slack.is_isolated


async def test_kept_on_the_network_it_says_so(tmp_path: Path) -> None:
    async with LocalSlack(env=os.environ, folder=tmp_path, isolated=False) as slack:
        assert (is_free(("127.0.0.2", slack.port)), slack.is_isolated) == (False, False)


def is_free(address: tuple[str, int]) -> bool:
    """Where a program listens on every interface, its port cannot be had on any address."""
    with socket.socket() as sock:
        try:
            sock.bind(address)
        except OSError:
            return False
    return True

"""Conversations in a browser on local-slack: a reply goes on, a file goes in, a channel's settings are changed."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.demo.local_slack import ADA, BOT_TOKEN, TRY_IT, LocalSlack
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Provider
from tests.fakes.team import Team
from tests.support.running_bot import House, open_house

WORDS = [
    *("ledger", "reader", "writer", "index", "backup", "tenant", "commit"),
    *("window", "latency", "restore", "schema", "vacuum", "replica", "journal"),
]
QUESTION = "Should a small team use SQLite or PostgreSQL?"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(Team()) as provider:
        yield provider


@pytest.fixture
async def house(
    local_slack: LocalSlack, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    # Files are handed over for the right token only.
    monkeypatch.setattr("tests.support.running_bot.BOT_TOKEN", BOT_TOKEN)
    async with open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path) as house:
        yield house


@pytest.fixture
async def slack(house: House, page: Page) -> SlackPage:
    slack = await SlackPage.open(page, house.settings.slack_api_url.removesuffix("api/"))
    await slack.until_bot_is_connected()
    return slack


async def test_a_reply_goes_on_without_a_mention(
    slack: SlackPage, house: House, provider: Provider, tmp_path: Path
) -> None:
    await slack.type(f"/agents use answer: {QUESTION}")
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("once two programs write")
    await slack.reply("use decide: and for two teams?")
    await slack.until_thread_says("Take SQLite now")
    await slack.picture(tmp_path / "follow_up.png")
    assert QUESTION in str(provider.calls[-1].body)
    await slack.act_as("Dana")
    await slack.reply("I agree with Ada")
    await slack.act_as("Ada")
    await slack.reply("use answer: and for three?")
    answered = slack.page.locator(".thread-body .msg", has_text="once two programs write")
    await expect(answered).to_have_count(2, timeout=30_000)
    await house.until_no_run_is_open()
    assert house.ledger("SELECT COUNT(*) FROM run") == 3
    assert house.ledger("SELECT COUNT(*) FROM inbox WHERE payload_json LIKE '%I agree%'") == 0


async def test_a_file_goes_in_with_the_request(
    slack: SlackPage, local_slack: LocalSlack, house: House, provider: Provider, tmp_path: Path
) -> None:
    files = {"notes.md": b"The exports run at four.", "clip.bin": b"\x00\x01\x02"}
    await local_slack.upload(files, "@agents use answer: when do exports run?", channel=TRY_IT, user=ADA)
    await slack.open_thread("when do exports run?")
    await slack.until_thread_says("clip.bin was left out: I read text, code, CSV, PDF and pictures only.")
    await slack.until_thread_says("once two programs write")
    await slack.picture(tmp_path / "file.png")
    assert "The exports run at four." in str(provider.calls[-1].body)
    assert house.held_nusd() == 0


def sentences(part: int) -> list[str]:
    """So many sentences that one message cannot hold eight parts of them, none like another."""
    chance = random.Random(part)
    return [" ".join(chance.choices(WORDS, k=6)).capitalize() + "." for _ in range(90)]


async def test_a_long_answer_also_comes_as_one_file(
    slack: SlackPage, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "\n\n".join(f"## Part {n}\n\n" + " ".join(sentences(n)) for n in range(1, 9))
    monkeypatch.setattr("tests.fakes.team.ANSWER", long)
    await slack.type(f"/agents use answer: {QUESTION}")
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("1 agent")
    file = slack.page.locator(".thread-body a", has_text="The whole answer").first
    await expect(file).to_be_visible(timeout=30_000)
    await slack.picture(tmp_path / "file_out.png")
    everything = " ".join(await slack.thread())
    assert [f"Part {n}" in everything for n in range(1, 9)] == [True] * 8
    address = await file.get_attribute("href")
    assert address is not None
    answer = await slack.page.request.get(slack.page.url.rstrip("/") + address)
    text = await answer.text()
    assert [sentence for sentence in sentences(8) if sentence not in text] == []
    assert house.held_nusd() == 0


async def test_an_admin_changes_how_the_channel_behaves(slack: SlackPage, house: House, tmp_path: Path) -> None:
    await slack.act_as("Dana")
    await slack.type("/agents settings")
    await slack.choose("Which replies in my threads are for me?", "Everybody's, without a mention")
    await slack.choose("How do agents work when nobody says how?", "decide")
    await slack.picture(tmp_path / "settings.png")
    await slack.press("Save")
    await slack.until_channel_says(
        "Dana changed how agents work when nobody says how from “Whatever the Router chooses” to “decide”; which "
        "replies I take from “Those of the person who asked” to “Everybody's, without a mention”."
    )
    await slack.act_as("Ada")
    await slack.type(f"/agents {QUESTION}")
    await slack.open_thread(QUESTION)
    await slack.until_thread_says("Take SQLite now")
    assert house.ledger("SELECT COUNT(*) FROM audit WHERE action = 'channel settings'") == 1

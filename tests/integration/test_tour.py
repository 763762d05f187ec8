"""The demo's tour: five requests through the whole machine, labelled as scripted, on a ledger of its own."""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from bot.app import Bot, open_bot
from bot.demo.local_slack import TOUR
from bot.demo.run import HOME_NOTE
from bot.demo.tour import channel_of, listen_beside, open_tour
from bot.demo.tour_script import Stop, read_tour
from bot.messages.action_ids import REVIEW_APPROVE, REVIEW_CHANGES, RUN_DETAILS, TOOL_APPROVE, TOOL_DENY, TOOLS_CHANGE
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.settings import Settings, read_settings
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.support.running_bot import bot_environment

LABEL = "Scripted: no AI ran, play money"
ANSWER, DECISION, TEXT, ACTION, TOO_MUCH = read_tour().stops


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as slack:
        slack.workspace.add_channel(TOUR, "tour", {"U0DANA", "U0LEE", BOT_USER})
        yield slack


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as provider:
        yield provider


@pytest.fixture
def settings(slack: SlackServer, provider: Provider, tmp_path: Path) -> Settings:
    env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
    return read_settings(env).model_copy(update={"admins": frozenset({"U0DANA"})})


@pytest.fixture(autouse=True)
async def tour(settings: Settings) -> AsyncIterator[Bot]:
    """The tour's bot, connected beside the one that asks a provider."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(settings, await choose_models(settings)))
        bot = await stack.enter_async_context(open_bot(engine, home_note=HOME_NOTE))
        tour = await stack.enter_async_context(open_tour(settings, pace=0))
        await stack.enter_async_context(listen_beside(bot, tour, settings))
        yield tour


def said(slack: SlackServer, channel: str = TOUR) -> list[str]:
    return [json.dumps([m["text"], m.get("blocks", [])], ensure_ascii=False) for m in slack.messages(channel)]


async def until_said(slack: SlackServer, text: str, channel: str = TOUR) -> str:
    found = await slack.wait_for(lambda: [one for one in said(slack, channel) if text in one])
    return str(found[-1])


async def ask(slack: SlackServer, stop: Stop, *, channel: str = TOUR) -> None:
    await slack.command(stop.command.removeprefix("/agents "), channel=channel)


def runs_in(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "agents.db")) as db:
        return int(db.execute("SELECT COUNT(*) FROM run").fetchone()[0])


def refunds(folder: Path) -> dict[str, str]:
    """What the shop itself has written down about the order, receipts by item."""
    state = folder / "tour" / "shop.json"
    return dict(json.loads(state.read_text("utf-8"))["1042"]["refunds"]) if state.exists() else {}


async def test_the_list_of_five_stands_in_the_channel(slack: SlackServer) -> None:
    shown = [any(stop.command in one for one in said(slack)) for stop in read_tour().stops]
    assert shown == [True] * 5
    assert LABEL in said(slack)[0]


async def test_the_models_are_loaded_once_it_is_connected_and_not_with_the_first_request(tour: Bot) -> None:
    await asyncio.wait_for(tour.loading, 60)


async def test_an_answer_and_a_decision_say_everywhere_that_they_are_scripted(
    slack: SlackServer, provider: Provider, tmp_path: Path
) -> None:
    for stop, words, flow in (
        (ANSWER, "the table grew past what the plan was made for", "answer"),
        (DECISION, "Take SQLite now, and write down today", "decide"),
    ):
        await ask(slack, stop)
        answer = await until_said(slack, words)
        assert f" · {LABEL}" in answer
        root = await until_said(slack, f"✅ answered · `{flow}`")
        assert LABEL in root
    assert LABEL in await until_said(slack, "run_details")
    assert provider.calls == []
    assert (runs_in(tmp_path / "tour"), runs_in(tmp_path)) == (2, 0)


async def test_a_draft_is_sent_back_once_then_approved(slack: SlackServer) -> None:
    await ask(slack, TEXT)
    card = await until_said(slack, REVIEW_APPROVE)
    assert "Our free plan ends on 31 March." in card
    assert any("Begin with both dates" in one for one in said(slack))
    await slack.click(REVIEW_APPROVE, channel=TOUR)
    answer = await until_said(slack, "run_details")
    assert LABEL in answer
    assert "Our free plan ends on 31 March." in answer
    await until_said(slack, "✅ answered · `draft`")


async def test_changes_bring_another_draft(slack: SlackServer) -> None:
    await ask(slack, TEXT)
    await until_said(slack, REVIEW_APPROVE)
    await slack.click(REVIEW_CHANGES, channel=TOUR)
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit({"text0": {"text": "Shorter, and say that we know it is unwelcome."}})
    await until_said(slack, "We know that this is unwelcome news")


async def test_an_action_waits_for_the_card_and_is_really_done_once(slack: SlackServer, tmp_path: Path) -> None:
    await ask(slack, ACTION)
    card = await until_said(slack, TOOL_APPROVE)
    for words in (
        "*clerk* wants to use `shop.refund_item`",
        "*item*: desk lamp",
        "$0.001",
        "Goes to `shop`. The call costs $0.0010.",
    ):
        assert words in card
    assert refunds(tmp_path) == {}
    await slack.click(TOOL_APPROVE, channel=TOUR)
    answer = await until_said(slack, RUN_DETAILS)
    assert "Done: $38.00 for the desk lamp of order 1042 has been refunded" in answer
    assert "with receipt R-1042-1" in answer
    assert "1. Order 1042 · <https://shop.example/orders/1042" in answer
    assert "2. Rules: Damaged goods · <https://shop.example/rules/damaged" in answer
    assert "Looked up 2 sources" in answer
    assert LABEL in answer
    assert refunds(tmp_path) == {"desk lamp": "R-1042-1"}


async def test_asked_again_the_clerk_reads_that_it_was_done(slack: SlackServer, tmp_path: Path) -> None:
    await ask(slack, ACTION)
    await until_said(slack, TOOL_APPROVE)
    await slack.click(TOOL_APPROVE, channel=TOUR)
    await until_said(slack, "has been refunded*, with receipt")
    await ask(slack, ACTION)
    await until_said(slack, "refunded already")
    assert refunds(tmp_path) == {"desk lamp": "R-1042-1"}


async def test_a_denial_with_a_reason_ends_in_an_answer_that_says_it(slack: SlackServer, tmp_path: Path) -> None:
    await ask(slack, ACTION)
    await until_said(slack, TOOL_APPROVE)
    await slack.click(TOOL_DENY, channel=TOUR)
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit({"reason": {"reason": "It was cracked before, see ticket 7."}})
    answer = await until_said(slack, RUN_DETAILS)
    assert "is not refunded: that was denied." in answer
    assert "The reason given was: It was cracked before, see ticket 7." in answer
    assert "Looked up 2 sources" in answer
    assert refunds(tmp_path) == {}


@pytest.mark.parametrize("words", ["dry run: ", "dry run "])
async def test_a_dry_run_of_the_action_says_what_would_be_called_and_nothing_meant_for_the_model(
    slack: SlackServer, tmp_path: Path, words: str
) -> None:
    await slack.command(f"{words}{ACTION.request}", channel=TOUR)
    answer = await until_said(slack, RUN_DETAILS)
    assert "is not refunded:* this was a dry run. The rules would allow it." in answer
    assert "shop.refund_item" in answer
    assert "do not say that it was done" not in "".join(said(slack))
    assert refunds(tmp_path) == {}


async def test_the_home_of_the_demo_says_that_it_does_not_show_the_tour(slack: SlackServer) -> None:
    await slack.open_home(user="U0LEE")
    home = await slack.wait_for(lambda: slack.workspace.homes.get("U0LEE"))
    assert HOME_NOTE in json.dumps(home)


async def test_where_an_admin_switches_the_tools_off_the_clerk_says_that_it_has_none(
    slack: SlackServer, tour: Bot, tmp_path: Path
) -> None:
    await slack.command("tools", channel=TOUR, user="U0DANA")
    shown = await slack.wait_for(lambda: [m for m in slack.ephemerals("U0DANA") if TOOLS_CHANGE in json.dumps(m)])
    assert "✅ `shop.refund_item` · acts · asks first" in json.dumps(shown[-1], ensure_ascii=False)
    await slack.click(TOOLS_CHANGE, channel=TOUR, user="U0DANA")
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit({"tools0": {"tools0": []}}, user="U0DANA")
    await tour.background.drain(10)
    await ask(slack, ACTION)
    await until_said(slack, "I have no tools in this channel.")
    assert refunds(tmp_path) == {}


def test_the_switch_stands_in_the_log(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "tour" / "agents.db")) as db:
        entries = db.execute("SELECT actor, after_json FROM audit WHERE action = 'channel settings'").fetchall()
    assert [(actor, json.loads(after)["tools"]) for actor, after in entries] == [
        ("agents", ["shop.find_order", "shop.read_rule", "shop.refund_item"])
    ]


async def test_the_last_is_more_than_the_channel_can_pay(slack: SlackServer, tmp_path: Path) -> None:
    await ask(slack, TOO_MUCH)
    refusal = await slack.wait_for(slack.ephemerals)
    assert "$0.05 must be free before it starts, and $0.04 is left in #tour" in refusal[0]["text"]
    assert re.search(r"Use `answer` \(about \$0\.\d+, at most \$0\.\d+\) or ask", refusal[0]["text"])
    assert runs_in(tmp_path / "tour") == 0


async def test_with_the_money_that_the_list_tells_to_set_it_plays_to_its_end(slack: SlackServer) -> None:
    assert "`/agents budget set 1`" in said(slack)[-1]
    await slack.command("budget set 1", channel=TOUR)
    await until_said(slack, "$1.00")
    await ask(slack, TOO_MUCH)
    answer = await until_said(slack, "run_details")
    assert "migrations run with a lock timeout of 5 seconds" in answer
    assert LABEL in answer


async def test_the_cheaper_way_that_a_refusal_names_works(slack: SlackServer) -> None:
    await slack.command(f"use answer: {TOO_MUCH.request}", channel=TOUR)
    assert LABEL in await until_said(slack, "We learned of it from a customer")


@pytest.mark.parametrize("words", ["What is love?", f"use critique: {ANSWER.request}"])
async def test_anything_else_gets_the_list_privately(slack: SlackServer, tmp_path: Path, words: str) -> None:
    await slack.command(words, channel=TOUR)
    (told,) = await slack.wait_for(slack.ephemerals)
    assert all(stop.request[:40] in told["text"] for stop in read_tour().stops)
    assert runs_in(tmp_path / "tour") == 0


async def test_the_other_channels_are_the_real_bots(slack: SlackServer, provider: Provider) -> None:
    await ask(slack, ANSWER, channel="C0PLATFORM")
    answer = await until_said(slack, "run_details", "C0PLATFORM")
    assert (LABEL in answer, len(provider.calls) > 0) == (False, True)


@pytest.mark.parametrize(
    ("payload", "channel"),
    [
        ({"command": "/agents", "channel_id": TOUR}, TOUR),
        ({"event": {"type": "message", "channel": "C1", "text": f"see <#{TOUR}|tour>"}}, "C1"),
        ({"event": {"type": "reaction_added", "item": {"channel": TOUR, "ts": "1.0"}}}, TOUR),
        ({"type": "block_actions", "container": {"channel_id": TOUR}, "channel": None}, TOUR),
        ({"type": "view_submission", "view": {"private_metadata": json.dumps({"channel": TOUR})}}, TOUR),
        ({"type": "view_submission", "view": {"private_metadata": ""}}, ""),
    ],
)
def test_a_payload_belongs_to_the_channel_it_comes_from(payload: dict[str, object], channel: str) -> None:
    assert channel_of(payload) == channel

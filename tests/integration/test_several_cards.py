"""Two voices of one fan-out wait for a person each: both cards stand, any order, restarts and typed replies count."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.messages.action_ids import REVIEW_APPROVE, REVIEW_STOP
from patterns.core.questions import Decision
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.support.later import reminders
from tests.support.running_bot import House, Opened, open_house

PLATFORM, ASKER = "C0PLATFORM", "U0LEE"
ROSTER = """
extends: shipped
flows:
  both:
    description: Two texts that a person approves, and one that nobody has to.
    examples: [write both texts, both drafts please, two texts to sign]
    broadcast:
      agents:
        - coach
        - {supervisor: {worker: writer, reviewer: critic, rounds: 1, acceptance: It is short., human: approve}}
        - {supervisor: {worker: engineer, reviewer: critic, rounds: 1, acceptance: It is short., human: approve}}
      synthesizer: editor
budgets:
  new_channels: on
limits: {confirm_above_usd: 5}
"""
REQUEST = "use both: say that exports are offline on Sunday"


class Writers:
    """Every agent says its name, the critic accepts."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, call: Call) -> Reply:
        if call.schema is not None:
            verdict = {"criterion": "It is short.", "met": True, "change": ""}
            return Reply(json.dumps({"feedback": [verdict], "score": 9, "accepted": True}))
        agents = {"the team's coach": "coach", "the writer": "writer", "the software engineer": "engineer"}
        name = next((name for words, name in agents.items() if f"You are {words}" in call.system), "editor")
        self.calls.append(name)
        return Reply(f"The text of the {name}")


@pytest.fixture
def team() -> Writers:
    return Writers()


@pytest.fixture
def opened(slack: SlackServer, provider: Provider, tmp_path: Path) -> Opened:
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path, roster=ROSTER)


def cards(slack: SlackServer) -> dict[str, dict[str, Any]]:
    """The open cards by the agent whose draft they show."""
    found = [m for m in slack.messages(PLATFORM) if REVIEW_APPROVE in json.dumps(m)]
    return {name: m for m in found for name in ("writer", "engineer") if f"text of the {name}" in json.dumps(m)}


def all_text(slack: SlackServer) -> str:
    return json.dumps(slack.messages(PLATFORM), ensure_ascii=False)


async def ask(slack: SlackServer) -> str:
    """Both cards are open: the thread."""
    await slack.command(REQUEST, user=ASKER)
    await slack.wait_for(lambda: len(cards(slack)) == 2)
    return str(cards(slack)["writer"]["thread_ts"])


async def approve(slack: SlackServer, name: str) -> None:
    await slack.click(REVIEW_APPROVE, user=ASKER, ts=cards(slack)[name]["ts"])


async def test_both_are_asked_decided_in_the_other_order_and_across_a_restart(
    slack: SlackServer, opened: Opened, team: Writers
) -> None:
    async with opened() as house:
        await ask(slack)
        assert sorted(team.calls) == ["coach", "engineer", "writer"]
        assert house.held_nusd() == 0
        spent_nusd = house.spent_nusd()
        await approve(slack, "engineer")
        await slack.wait_for(lambda: list(cards(slack)) == ["writer"])
        await house.until_no_run_is_open()
    async with opened() as house:
        assert (list(cards(slack)), house.spent_nusd()) == (["writer"], spent_nusd)
        await approve(slack, "writer")
        await slack.wait_for(lambda: "The text of the editor" in all_text(slack))
        await house.until_no_run_is_open()
        assert (
            house.ledger(
                "SELECT COUNT(*) FROM (SELECT 1 FROM call WHERE state = 'settled' GROUP BY path HAVING COUNT(*) > 1)"
            )
            == 0
        )
        assert house.ledger("SELECT COUNT(*) FROM slack_out WHERE name LIKE 'ask/%'") == 2
    assert team.calls[3:] == ["editor"]
    assert sum("Lee approved this draft · " in m["text"] for m in slack.messages(PLATFORM)) == 2


async def test_a_click_while_the_other_decision_is_carried_out_is_not_lost(slack: SlackServer, house: House) -> None:
    await ask(slack)
    await asyncio.gather(approve(slack, "engineer"), approve(slack, "writer"))
    await slack.wait_for(lambda: "The text of the editor" in all_text(slack))
    await house.until_no_run_is_open()
    assert house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'") == 1


async def test_a_typed_reply_is_no_answer_where_two_drafts_wait(slack: SlackServer, house: House) -> None:
    thread = await ask(slack)
    await slack.say("lgtm", user=ASKER, thread_ts=thread)
    await house.bot.background.drain(10)
    (told,) = [m["text"] for m in slack.ephemerals(ASKER)]
    assert told.startswith("Several drafts wait in this thread.")
    assert len(cards(slack)) == 2
    await approve(slack, "engineer")
    await slack.wait_for(lambda: list(cards(slack)) == ["writer"])
    await slack.say("lgtm", user=ASKER, thread_ts=thread)
    await slack.wait_for(lambda: "The text of the editor" in all_text(slack))


async def test_deadlines_of_all_cards_count(slack: SlackServer, house: House) -> None:
    await ask(slack)
    await reminders(house, ahead_s=4 * 86_400).process_waiting()
    await slack.wait_for(lambda: all_text(slack).count("Nobody decided in time · ") >= 2)


async def test_a_stop_on_one_card_ends_that_text_and_not_the_run(slack: SlackServer, house: House) -> None:
    await ask(slack)
    await slack.click(REVIEW_STOP, user=ASKER, ts=cards(slack)["writer"]["ts"])
    await slack.wait_for(lambda: list(cards(slack)) == ["engineer"])
    await approve(slack, "engineer")
    await slack.wait_for(lambda: "The text of the editor" in all_text(slack))
    await house.until_no_run_is_open()


async def test_a_decision_whose_process_died_before_it_told_anybody_continues_the_run(
    slack: SlackServer, opened: Opened
) -> None:
    async with opened() as house:
        await ask(slack)
        for asked in await house.bot.engine.questions.undecided():
            yes = Decision(verdict="approve", user=ASKER, at_us=house.bot.engine.clock.now_us())
            await house.bot.engine.questions.decide(asked.run_id, asked.path, yes)
    async with opened():
        await slack.wait_for(lambda: "The text of the editor" in all_text(slack))

"""The review conversation over a strict Slack double: who decides, the first one counts, restarts change nothing."""

import asyncio
import json
from copy import deepcopy
from typing import Any

import pytest

from bot.messages.action_ids import ASK_MONEY, REVIEW_APPROVE, REVIEW_CHANGES, REVIEW_EDIT, REVIEW_STOP, RUN_CONFIRM
from bot.threads.cards import Cards
from patterns.core.questions import Decision
from tests.fakes.provider import Call, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.support.later import reminders
from tests.support.running_bot import House, Opened

PLATFORM = "C0PLATFORM"
ASKER, ADMIN, OTHER = "U0LEE", "U0DANA", "U0SAM"
DRAFT = "use draft: tell all customers that exports are offline on Sunday"


class Desk:
    """A writer whose drafts have numbers, and a critic who accepts from the second one on."""

    def __init__(self) -> None:
        self.drafts: list[str] = []
        self.wishes: list[str] = []

    def __call__(self, call: Call) -> Reply:
        if call.schema is None:
            self.drafts.append(f"Draft number {len(self.drafts) + 1}")
            self.wishes.append(call.user)
            return Reply(self.drafts[-1])
        is_good = len(self.drafts) > 1
        first = {"criterion": "The date is in the first line", "met": is_good, "change": "Put Sunday first"}
        tone = {"criterion": "No filler", "met": True, "change": ""}
        return Reply(json.dumps({"feedback": [first, tone], "score": 9 if is_good else 4, "accepted": is_good}))


@pytest.fixture
def slack(slack: SlackServer) -> SlackServer:
    slack.workspace.add_user(OTHER, "Sam")
    slack.workspace.channels[PLATFORM].members.add(OTHER)
    return slack


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def team(desk: Desk) -> Desk:
    return desk


def said(slack: SlackServer) -> list[str]:
    """What the bot said in the channel, blocks included."""
    found = [m for m in slack.messages(PLATFORM) if m["user"] == BOT_USER]
    return [json.dumps([m["text"], m.get("blocks", [])], ensure_ascii=False) for m in found]


def privately(slack: SlackServer, user: str) -> list[str]:
    return [m["text"] for m in slack.ephemerals(user)]


async def until_said(slack: SlackServer, *words: str) -> str:
    """The message that contains all of the words, as soon as it stands."""
    found = await slack.wait_for(lambda: [one for one in said(slack) if all(word in one for word in words)])
    return str(found[-1])


async def until_card(slack: SlackServer, draft: str) -> str:
    """The thread of the open card that shows this draft."""
    await until_said(slack, draft, REVIEW_APPROVE)
    return next(m["thread_ts"] for m in reversed(slack.messages(PLATFORM)) if REVIEW_APPROVE in json.dumps(m))


async def ask(slack: SlackServer) -> str:
    """A draft under review, asked by Lee: the thread."""
    await slack.command(DRAFT, user=ASKER)
    await until_said(slack, RUN_CONFIRM)
    await slack.click(RUN_CONFIRM, user=ASKER)
    return await until_card(slack, "Draft number 2")


async def test_a_draft_is_reviewed_changed_by_a_reply_and_approved(
    slack: SlackServer, house: House, desk: Desk
) -> None:
    thread = await ask(slack)
    assert house.held_nusd() == 0
    spent_nusd = house.spent_nusd()
    (first,) = with_words(slack, "*Round 1* · ")
    assert "The reviewer: not accepted, 4 of 10" in first
    assert "✗ The date is in the first line: Put Sunday first" in first
    assert "✓ No filler" in first
    assert "Draft number 1" in first
    await slack.say("Shorter, and thank them &amp; us", user=ASKER, thread_ts=thread)
    await until_card(slack, "Draft number 3")
    assert "Shorter, and thank them & us" in desk.wishes[2]
    assert house.spent_nusd() > spent_nusd
    await slack.click(REVIEW_APPROVE, user=ASKER)
    await until_said(slack, "✅ answered", "asked:")
    assert len(with_words(slack, "Lee approved this draft · ")) == 1
    assert len(with_words(slack, "Lee asked for changes: Shorter, and thank them &amp; us · ")) == 1
    assert REVIEW_APPROVE not in "".join(said(slack))
    assert len(with_words(slack, "*Round ")) == 1
    assert len(desk.drafts) == 3


def with_words(slack: SlackServer, words: str) -> list[str]:
    return [one for one in said(slack) if words in one]


async def test_who_may_not_decide_is_told_so_and_changes_nothing(slack: SlackServer, house: House) -> None:
    thread = await ask(slack)
    await slack.click(REVIEW_APPROVE, user=OTHER)
    await slack.say("Make it rhyme", user=OTHER, thread_ts=thread)
    await slack.say(f"<@{BOT_USER}> make it rhyme", user=OTHER, thread_ts=thread)
    await house.bot.background.drain(10)
    told = privately(slack, OTHER)
    assert ["Only the person who asked and admins can decide that." in one for one in told] == [True, True]
    assert REVIEW_APPROVE in "".join(said(slack))
    assert house.ledger("SELECT COUNT(*) FROM run") == 1


async def test_of_two_deciders_the_first_counts_and_a_double_click_is_one(slack: SlackServer, house: House) -> None:
    await ask(slack)
    card = open_card(slack)
    await asyncio.gather(*(press(slack, card, REVIEW_APPROVE, ASKER) for _ in range(2)))
    await press(slack, card, REVIEW_STOP, ADMIN)
    await until_said(slack, "✅ answered", "asked:")
    assert len(with_words(slack, "Lee approved this draft · ")) == 1
    assert privately(slack, ASKER) == []
    assert "Lee approved this draft · " in privately(slack, ADMIN)[0]
    assert house.ledger("SELECT COUNT(*) FROM question WHERE decided_us IS NOT NULL") == 2


@pytest.mark.usefixtures("house")
async def test_a_card_left_open_by_a_process_that_died_is_closed_with_the_run(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(slack)
    deaths, close = [], Cards.close

    async def dies_once(cards: Cards, *decided: Any) -> bool:
        deaths.append("between the decision and its card")
        return len(deaths) > 1 and await close(cards, *decided)

    monkeypatch.setattr(Cards, "close", dies_once)
    await slack.click(REVIEW_APPROVE, user=ASKER)
    await until_said(slack, "Lee approved this draft · ")
    assert REVIEW_APPROVE not in "".join(said(slack))


async def test_an_admin_edits_the_draft_by_hand(slack: SlackServer, house: House) -> None:
    await ask(slack)
    await slack.click(REVIEW_EDIT, user=ADMIN)
    await slack.wait_for(lambda: slack.workspace.views)
    assert (await slack.submit({"text0": {"text": "  "}}, user=ADMIN))["response_action"] == "errors"
    await slack.submit({"text0": {"text": "My own words"}}, user=ADMIN)
    await until_said(slack, "✅ answered", "asked:")
    assert len(with_words(slack, "Dana edited the draft")) == 1
    assert len(with_words(slack, "My own words")) == 1
    assert house.held_nusd() == 0


async def test_changes_are_asked_for_in_a_form(slack: SlackServer, house: House, desk: Desk) -> None:
    await ask(slack)
    await slack.click(REVIEW_CHANGES, user=ASKER)
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit({"text0": {"text": "Name the person to call"}}, user=ASKER)
    await until_card(slack, "Draft number 3")
    assert "Name the person to call" in desk.wishes[2]
    assert house.held_nusd() == 0


async def test_a_restart_while_it_waits_changes_nothing(slack: SlackServer, opened: Opened, desk: Desk) -> None:
    async with opened():
        await ask(slack)
    count = len(said(slack))
    async with opened() as house:
        spent_nusd = house.spent_nusd()
        await slack.click(REVIEW_APPROVE, user=ADMIN)
        await until_said(slack, "✅ answered", "asked:")
        assert house.spent_nusd() == spent_nusd
    assert (len(said(slack)) - count, len(desk.drafts)) == (0, 2)  # the answer came, the plan went


async def test_a_draft_that_waits_can_be_stopped_from_anywhere(slack: SlackServer, house: House) -> None:
    await ask(slack)
    await slack.command("stop", user=ASKER)
    await until_said(slack, "stopped", "asked:")
    assert len(with_words(slack, "Lee stopped it · ")) == 1
    assert REVIEW_APPROVE not in "".join(said(slack))
    assert house.held_nusd() == 0


async def test_a_run_without_money_waits_and_goes_on_with_a_grant_paying_nothing_twice(
    slack: SlackServer, house: House, desk: Desk
) -> None:
    thread = await ask(slack)
    await slack.command("budget set 0.01", user=ADMIN)
    await slack.say("Shorter", user=ASKER, thread_ts=thread)
    card = await until_said(slack, "The budget ran out before this was finished", ASK_MONEY)
    assert "Ask Dana for $0." in card
    assert "left in #platform" in card
    (partial,) = with_words(slack, "Partial answer: the channel's budget ran out")
    assert "Draft number 3" in partial
    assert "after 5 of 6 steps" in partial
    spent_nusd = house.spent_nusd()
    assert "If <@U0DANA> grants $0." in partial
    assert house.held_nusd() == 0
    await slack.click(ASK_MONEY, user=ASKER)
    await until_said(slack, "<@U0DANA>, Lee asks for $0.")
    await slack.command('budget grant 5 "launch week"', user=ADMIN)
    await until_card(slack, "Draft number 3")
    assert "More budget came, so it continued · " in await until_said(
        slack, "The budget ran out before this was finished"
    )
    await slack.click(REVIEW_APPROVE, user=ASKER)
    await until_said(slack, "✅ answered", "asked:")
    assert len(desk.drafts) == 3
    assert house.spent_nusd() > spent_nusd
    assert house.ledger("SELECT COUNT(*) FROM (SELECT 1 FROM call GROUP BY path HAVING COUNT(*) > 1)") == 0
    assert house.ledger("SELECT COUNT(*) FROM slack_out WHERE name LIKE 'answer/%'") == 1


async def test_without_money_it_can_be_left_at_the_partial_answer(slack: SlackServer, house: House) -> None:
    thread = await ask(slack)
    await slack.command("budget set 0.01", user=ADMIN)
    await slack.say("Shorter", user=ASKER, thread_ts=thread)
    await until_said(slack, "The budget ran out before this was finished", ASK_MONEY)
    await slack.click(REVIEW_STOP, user=ASKER)
    await until_said(slack, "partly answered", "asked:")
    assert "Lee stopped it · " in await until_said(slack, "The budget ran out before this was finished")
    ending = with_words(slack, "so this is final")
    assert ["I continue" in one for one in ending] == [False]
    assert house.held_nusd() == 0


async def test_a_stop_sign_by_somebody_who_may_ends_it(slack: SlackServer, house: House) -> None:
    await ask(slack)
    root = next(m["ts"] for m in slack.messages(PLATFORM) if "asked:" in m["text"])
    on_root = {"type": "message", "channel": PLATFORM, "ts": root}
    sign = {"type": "reaction_added", "reaction": "octagonal_sign", "item": on_root, "event_ts": root}
    await slack.event({**sign, "user": OTHER})
    await house.bot.background.drain(10)
    assert REVIEW_APPROVE in "".join(said(slack))
    await slack.event({**sign, "user": ADMIN})
    await until_said(slack, "stopped", "asked:")
    assert len(with_words(slack, "Dana stopped it · ")) == 1


async def test_reminders_come_once_and_ever_less_often(slack: SlackServer, house: House) -> None:
    await ask(slack)
    hour_s = 3600
    for ahead_s, count in ((hour_s, 0), (5 * hour_s, 1), (6 * hour_s, 1), (9 * hour_s, 2), (40 * hour_s, 3)):
        for owner in ("one", "other"):
            await reminders(house, ahead_s=ahead_s, owner=owner).process_waiting()
        assert len(with_words(slack, "<@U0LEE>, the draft above waits for you until ")) == count


async def test_after_the_deadline_it_ends_as_not_approved(slack: SlackServer, house: House) -> None:
    await ask(slack)
    await reminders(house, ahead_s=4 * 86_400).process_waiting()
    await until_said(slack, "partly answered", "asked:")
    assert len(with_words(slack, "Nobody decided in time · ")) == 1
    assert len(with_words(slack, "Nobody approved this text in time.")) == 1
    with pytest.raises(AssertionError):
        await slack.click(REVIEW_APPROVE, user=ASKER)


async def test_without_a_grant_the_partial_answer_is_final_in_the_end(slack: SlackServer, house: House) -> None:
    thread = await ask(slack)
    await slack.command("budget set 0.01", user=ADMIN)
    await slack.say("Shorter", user=ASKER, thread_ts=thread)
    await until_said(slack, "The budget ran out before this was finished", ASK_MONEY)
    await reminders(house, ahead_s=60).process_waiting()
    assert ASK_MONEY in "".join(said(slack))
    await reminders(house, ahead_s=8 * 86_400).process_waiting()
    await until_said(slack, "No budget came in time")
    await until_said(slack, "The partial answer above is final: the channel's budget ran out", "so this is final")
    assert len(with_words(slack, "Draft number 3")) == 1


async def test_short_of_money_twice_the_partial_answer_stands_once(slack: SlackServer, house: House) -> None:
    thread = await ask(slack)
    await slack.command("budget set 0.01", user=ADMIN)
    await slack.say("Shorter", user=ASKER, thread_ts=thread)
    await until_said(slack, "The budget ran out before this was finished", ASK_MONEY)
    assert len(with_words(slack, "Draft number 3")) == 1
    (asked,) = await house.bot.engine.questions.undecided()
    # There was enough when the run was woken, and no longer when it came to its next call.
    await house.bot.executor.presenter.engine.questions.decide(
        asked.run_id, asked.path, Decision(verdict="run", at_us=1)
    )
    await house.bot.executor.wake(asked.run_id)
    await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM question WHERE path = 'money/2'"))
    await slack.wait_for(lambda: len(with_words(slack, "The budget ran out before this was finished")) == 2)
    assert len(with_words(slack, "Draft number 3")) == 1
    await slack.command('budget grant 5 "launch week"', user=ADMIN)
    await until_card(slack, "Draft number 3")
    await slack.click(REVIEW_APPROVE, user=ASKER)
    await until_said(slack, "✅ answered", "asked:")
    await until_said(slack, "The partial answer that stood here is replaced by the full one below.")


def open_card(slack: SlackServer) -> dict[str, Any]:
    return deepcopy(next(m for m in reversed(slack.messages(PLATFORM)) if REVIEW_APPROVE in json.dumps(m)))


async def press(slack: SlackServer, card: dict[str, Any], action_id: str, user: str) -> None:
    """Click a button that this person still sees, whatever the others did."""
    block, element = next(
        (block, element)
        for block in card["blocks"]
        for element in block.get("elements", ())
        if element.get("action_id") == action_id
    )
    await slack._press(card, block, element, user=user, channel=PLATFORM)

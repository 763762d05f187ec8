"""Every reply of docs/replies.md, sent to the running bot: what happens is what the page says."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bot.messages.action_ids import REVIEW_APPROVE, RUN_CONFIRM
from tests.fakes.provider import Script
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.integration.test_review import Desk
from tests.support.running_bot import House

PAGE = Path(__file__).parents[2] / "docs" / "replies.md"
PLATFORM = "C0PLATFORM"
DRAFT = "use draft: tell all customers that exports are offline on Sunday"
PEOPLE = {"asker": "U0LEE", "admin": "U0DANA", "member": "U0SAM", "outsider": "U0OUT"}
MENTIONS = {"@Dana": "<@U0DANA>", "@agents": f"<@{BOT_USER}>"}


class Row(NamedTuple):
    """A line of the table."""

    who: str
    card: str
    reply: str
    happens: str


def rows() -> list[Row]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [Row(*(cell.strip() for cell in line.strip("| ").split(" | "))) for line in lines[1:]]


def groups() -> dict[str, list[Row]]:
    """The rows in fives that share a house: those that change nothing share a card too."""
    found = rows()
    return {f"lines from {at + 1} on": found[at : at + 5] for at in range(0, len(found), 5)}


@pytest.fixture
def team() -> Script:
    return Desk()


@pytest.fixture
def slack(slack: SlackServer) -> SlackServer:
    slack.workspace.add_user("U0SAM", "Sam")
    slack.workspace.add_user("U0OUT", "Out", team_id="T0OTHERS")
    slack.workspace.channels[PLATFORM].members |= {"U0SAM", "U0OUT"}
    return slack


def thread_with(slack: SlackServer, button: str) -> str | None:
    """The thread of the newest message with that button."""
    found = [m for m in slack.messages(PLATFORM) if m["user"] == BOT_USER and button in json.dumps(m.get("blocks", []))]
    return str(found[-1].get("thread_ts")) if found else None


class Table:
    """Sends replies and tells, in the words of the page, what came of each."""

    def __init__(self, slack: SlackServer, house: House) -> None:
        self.slack, self.house = slack, house

    async def card(self, card: str) -> str:
        """The thread of an open card of that kind: the one that stands, else one of a new request."""
        button = RUN_CONFIRM if card == "a price" else REVIEW_APPROVE
        if thread := thread_with(self.slack, button):
            return thread
        if card == "a price" or thread_with(self.slack, RUN_CONFIRM) is None:
            await self.slack.command(DRAFT, user=PEOPLE["asker"])
            await self.slack.wait_for(lambda: thread_with(self.slack, RUN_CONFIRM), 60)
        if card != "a price":
            await self.slack.click(RUN_CONFIRM, user=PEOPLE["asker"])
        return str(await self.slack.wait_for(lambda: thread_with(self.slack, button), 60))

    async def outcome(self, row: Row) -> str:
        user, thread = PEOPLE[row.who], await self.card(row.card.partition(",")[0])
        before = self._state(user)
        text = row.reply
        for name, mention in MENTIONS.items():
            text = text.replace(name, mention)
        if "before" in row.card:
            await self._late(text, user, thread)
        else:
            await self.slack.say(text, user=user, thread_ts=thread)
        await self.house.bot.background.drain(10)
        after = self._state(user)
        if after["approve"] > before["approve"]:
            return "approved"
        if after["changes"] > before["changes"]:
            await self.slack.wait_for(lambda: thread_with(self.slack, REVIEW_APPROVE))
            return "changed"
        if after["runs"] > before["runs"]:
            return "a new request"
        told = " ".join(m["text"] for m in self.slack.ephemerals(user)[before["private"] :])
        said = {
            "a yes to the draft, or something to change": "asked",
            "can decide that": "told privately who may decide",
            "with the buttons on the card only": "told privately that buttons count",
        }
        return next((what for words, what in said.items() if words in told), told or "nothing")

    async def _late(self, text: str, user: str, thread: str) -> None:
        """A message that was written in the thread before its card was posted, and is delivered only now."""
        message: dict[str, Any] = {"type": "message", "user": user, "text": text, "ts": f"{float(thread) + 1e-6:.6f}"}
        message |= {"thread_ts": thread, "parent_user_id": BOT_USER, "team": self.slack.workspace.team}
        place = {"channel": PLATFORM, "channel_type": "channel", "event_ts": message["ts"]}
        await self.slack.event({**message, **place})

    def _state(self, user: str) -> dict[str, int]:
        decided = 'SELECT COUNT(*) FROM question WHERE decision_json LIKE \'%"verdict":"{}"%\''
        return {
            "approve": self.house.ledger(decided.format("approve")),
            "changes": self.house.ledger(decided.format("changes")),
            "runs": self.house.ledger("SELECT COUNT(*) FROM run"),
            "private": len(self.slack.ephemerals(user)),
        }


@pytest.mark.parametrize("lines", groups().values(), ids=groups().keys())
async def test_every_reply_does_what_the_page_says(slack: SlackServer, house: House, lines: list[Row]) -> None:
    table = Table(slack, house)
    found = [row._replace(happens=await table.outcome(row)) for row in lines]
    assert found == [row._replace(happens=row.happens.partition(":")[0]) for row in lines]


def test_the_page_has_enough_of_everything() -> None:
    found = rows()
    assert len({row.reply for row in found}) >= 40
    assert {row.who for row in found} == set(PEOPLE)
    assert {row.happens.partition(":")[0] for row in found} >= {"approved", "asked", "changed", "nothing"}

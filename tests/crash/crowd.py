"""What people do in a storm: ask, go on, change their minds, decide together, decide twice."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bot.messages.action_ids import (
    REVIEW_APPROVE,
    REVIEW_CHANGES,
    REVIEW_STOP,
    RUN_ANSWER_INSTEAD,
    RUN_CANCEL,
    RUN_CONFIRM,
    RUN_STOP,
)
from bot.messages.review_forms import CHANGES_FORM
from bot.threads.edits import PROGRESS
from tests.crash.storm_slack import CHANNELS, StormSlack, buttons, named, number_of
from tests.fakes.slack_state import BOT_USER, Refused

DANA, LEE = "U0DANA", "U0LEE"
"""Dana is an admin, so both may decide what Lee asked for."""
FLOWS = ("answer", "answer", "catchup", "decide", "draft", "critique")
LATEST = 60
"""People look at the newest messages of a channel."""
FORM_S = 2.0
AGAIN_S = 20.0


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """A request somebody made."""

    number: int
    user: str
    flow: str

    @property
    def words(self) -> str:
        """As it is typed."""
        return f"use {self.flow}: storm number {self.number}"


@dataclass
class Crowd:
    """Dana and Lee, very busy. `done` counts what they did."""

    slack: StormSlack
    done: Counter[str] = field(default_factory=Counter)
    asked: dict[int, StoredQuestion] = field(default_factory=dict)
    """Requests by number, whether somebody took them or not."""
    withdrawn: set[int] = field(default_factory=set)
    """Requests whose message was deleted: nothing is owed for them, and our copy of their words is erased."""
    _said_yes_s: dict[str, float] = field(default_factory=dict)
    _mentions: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=5))
    """Channel and ts of the latest, which can still be taken back."""

    async def act(self, *, may_ask: bool) -> None:
        """One more deed; a button that has just gone, and a message that was deleted, are nobody's fault."""
        deeds: dict[Callable[[], Coroutine[Any, Any, bool]], float] = {
            self._decide: 0.35,
            self._stop: 0.05,
            self._delete: 0.04,
            **({self._ask: 0.42, self._resume: 0.14} if may_ask else {}),
        }
        (deed,) = self.slack.chance.choices(list(deeds), list(deeds.values()))
        with suppress(AssertionError, Refused):
            if await deed():
                self.done[deed.__name__.strip("_")] += 1

    async def answer_everything(self) -> None:
        """Say yes to what still waits for somebody; who sees nothing happen does so again after a while."""
        for channel, message in list(self.slack.shown()):
            for action in buttons(message) & {REVIEW_APPROVE, RUN_CONFIRM}:
                if self._may_press(message):
                    with suppress(AssertionError, Refused):
                        await self._press(action, DANA, channel.id, message)

    def _may_press(self, message: Mapping[str, Any]) -> bool:
        """Whether it is time to press a button of a message, for the first time or again; notes that it is done."""
        now_s = time.monotonic()
        if now_s - self._said_yes_s.get(message["ts"], -AGAIN_S) < AGAIN_S:
            return False
        self._said_yes_s[message["ts"]] = now_s
        return True

    # ------------------------------------------------------------ asking

    async def _ask(self) -> bool:
        """By command, by mention, or in direct messages."""
        chance = self.slack.chance
        asked, channel, way = self._new(chance.choice((DANA, LEE))), chance.choice(CHANNELS), chance.random()
        if way < 0.1:
            await self.slack.say(asked.words, user=asked.user, channel=self.slack.workspace.dm(asked.user).id)
        elif way < 0.5:
            await self.slack.command(asked.words, user=asked.user, channel=channel)
        else:
            saying = asyncio.ensure_future(
                self.slack.say(f"<@{BOT_USER}> {asked.words}", user=asked.user, channel=channel)
            )
            # It stands before it is delivered, so that it may be taken back in the meantime.
            await asyncio.sleep(0)
            self._mentions.append((channel, self.slack.messages(channel)[-1]["ts"]))
            await saying
        return True

    def _new(self, user: str) -> StoredQuestion:
        asked = StoredQuestion(len(self.asked) + 1, user, self.slack.chance.choice(FLOWS))
        self.asked[asked.number] = asked
        return asked

    async def _resume(self) -> bool:
        """Another request in a thread that we work in, while its first is under way or afterwards."""
        chance = self.slack.chance
        channel = chance.choice(CHANNELS)
        messages = self.slack.messages(channel)
        # A thread is known where its progress stands.
        threads = [m["thread_ts"] for m in messages[-LATEST:] if (of := named(m)) is not None and of[1] == PROGRESS]
        if not threads:
            return False
        thread_ts = chance.choice(threads)
        opened = next((self.asked.get(number_of(m["text"])) for m in messages if m["ts"] == thread_ts), None)
        # Under a draft a reply is a word on the draft.
        if opened is None or opened.flow == "draft":
            return False
        asked = self._new(opened.user)
        mention = f"<@{BOT_USER}> " if chance.random() < 0.3 else ""
        await self.slack.say(mention + asked.words, user=asked.user, channel=channel, thread_ts=thread_ts)
        return True

    # ------------------------------------------------------------ changing one's mind

    async def _stop(self) -> bool:
        """Press Stop somewhere."""
        found = self._offering({RUN_STOP})
        if not found:
            return False
        channel, message = self.slack.chance.choice(found)
        await self._press(RUN_STOP, DANA, channel, message)
        return True

    async def _delete(self) -> bool:
        """Take one of the latest requests back."""
        if not self._mentions:
            return False
        channel, ts = self._mentions.popleft()
        self.withdrawn |= {number_of(m["text"]) for m in self.slack.messages(channel) if m["ts"] == ts}
        await self.slack.delete(ts, channel=channel)
        return True

    # ------------------------------------------------------------ deciding

    async def _decide(self) -> bool:
        """Answer one of the open questions, alone, twice, or two at a time."""
        found = self._offering({REVIEW_APPROVE, RUN_CONFIRM})
        if not found:
            return False
        chance = self.slack.chance
        channel, message = chance.choice(found)
        if RUN_CONFIRM in buttons(message):
            choice = chance.choices((RUN_CONFIRM, RUN_ANSWER_INSTEAD, RUN_CANCEL), (8, 1, 1))[0]
            await asyncio.gather(*(self._press(choice, user, channel, message) for user in self._who()))
            return True
        way = chance.random()
        if way < 0.65:
            await asyncio.gather(*(self._press(REVIEW_APPROVE, user, channel, message) for user in self._who()))
        elif way < 0.75:
            await asyncio.gather(
                self._press(REVIEW_APPROVE, DANA, channel, message), self._press(REVIEW_STOP, LEE, channel, message)
            )
        elif way < 0.85:
            await self.slack.say(
                "Shorter, please", user=_there(channel, DANA), channel=channel, thread_ts=message["thread_ts"]
            )
        elif way < 0.93:
            await self._ask_for_changes(channel, message)
        else:
            await self._press(REVIEW_STOP, DANA, channel, message)
        return True

    def _who(self) -> tuple[str, ...]:
        """Mostly one person, sometimes one twice, sometimes two."""
        return self.slack.chance.choices(((DANA,), (LEE,), (DANA, DANA), (LEE, DANA)), (5, 2, 2, 2))[0]

    async def _press(self, action: str, user: str, channel: str, message: dict[str, Any]) -> None:
        await self.slack.click(action, user=_there(channel, user), channel=channel, ts=message["ts"])

    async def _ask_for_changes(self, channel: str, message: dict[str, Any]) -> None:
        """By the form; when nobody opens one, the person gives up, and when nobody takes it, tries again."""
        before = set(self.slack.workspace.views)
        await self._press(REVIEW_CHANGES, DANA, channel, message)
        with suppress(TimeoutError):
            opened = await self.slack.wait_for(lambda: self._forms() - before, FORM_S)
            for _ in range(3):
                wish = {"text0": {"text": "Name the date"}}
                if await self.slack.submit(wish, user=_there(channel, DANA), view_id=min(opened)) is not None:
                    break

    def _forms(self) -> set[str]:
        return {key for key, view in self.slack.workspace.views.items() if view["callback_id"] == CHANGES_FORM}

    def _offering(self, wanted: set[str]) -> list[tuple[str, dict[str, Any]]]:
        """Recent messages with one of these buttons."""
        return [
            (channel.id, message)
            for channel in self.slack.workspace.channels.values()
            for message in channel.messages[-LATEST:]
            if buttons(message) & wanted
        ]


def _there(channel: str, user: str) -> str:
    """Who acts in a channel: only their own person sees direct messages."""
    return f"U{channel[1:]}" if channel.startswith("D") else user

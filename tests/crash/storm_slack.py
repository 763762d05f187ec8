"""A Slack in bad weather: deliveries come late, twice and in another order, and again until somebody has them."""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot.listeners.inbox_middleware import NOT_STORED
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, Channel

CHANNELS = tuple(f"C0STORM{number:02}" for number in range(16))
"""Enough of them that Slack's one message a second and channel is not what the storm measures."""
TRIES = 12
_NUMBER = re.compile(r"storm number (\d+)")


class StormSlack(SlackServer):
    """The Slack double with many channels. `doors` are the addresses of those who listen by HTTP at the moment."""

    def __init__(
        self, chance: random.Random, doors: Callable[[], Sequence[str]], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._doors = doors
        super().__init__(clock=clock)
        self.chance = chance
        self.accepted: set[int] = set()
        """Requests of which Slack, and so the person, was told that we have them."""
        for channel in CHANNELS:
            self.workspace.add_channel(channel, channel.lower(), {"U0DANA", "U0LEE", BOT_USER})

    @property
    def request_url(self) -> str:
        """Behind a load balancer every delivery may meet another process."""
        return self.chance.choice(self._doors() or ("http://127.0.0.1:9/",))

    @request_url.setter
    def request_url(self, value: str) -> None:
        """The double's own setting is not used."""

    async def deliver(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Offer it once or twice, now or a moment later."""
        copies = 1 + (self.chance.random() < 0.3)
        answers = await asyncio.gather(*(self._offer(kind, payload, self.chance.random()) for _ in range(copies)))
        taken = next((answer for answer in answers if answer is not None and answer.get("text") != NOT_STORED), None)
        self.note_accepted(kind, payload, taken)
        return taken

    def note_accepted(self, kind: str, payload: dict[str, Any], answer: dict[str, Any] | None) -> None:
        """Remember that the person was told that we have their request, if they were."""
        if answer is not None and answer.get("text") != NOT_STORED and (number := number_of(_said(kind, payload))):
            self.accepted.add(number)

    async def _offer(self, kind: str, payload: dict[str, Any], delay_s: float) -> dict[str, Any] | None:
        await asyncio.sleep(delay_s)
        # A command or a click is offered once, and the person sees that nobody was there.
        for attempt in range(TRIES if kind == "events_api" else 1):
            answer = await self._once(kind, payload, attempt)
            if answer is not None:
                return answer
            await asyncio.sleep(self.chance.random())
        return None

    async def _once(self, kind: str, payload: dict[str, Any], attempt: int) -> dict[str, Any] | None:
        """To any of those who hear now, by whatever way that one hears."""
        if self.chance.randrange(len(self.sockets) + len(self._doors()) or 1) >= len(self.sockets):
            return await self._by_http(kind, payload, attempt)
        try:
            return await self._by_socket(kind, payload, attempt)
        except TimeoutError:  # the last socket closed before our turn
            return None

    def shown(self) -> Iterator[tuple[Channel, dict[str, Any]]]:
        """Every message that stands, with its channel."""
        for channel in self.workspace.channels.values():
            for message in channel.messages:
                yield channel, message

    def posted(self) -> Counter[tuple[str, str]]:
        """How often each named message of a run stands in Slack."""
        return Counter(name for _channel, message in self.shown() if (name := named(message)) is not None)


def named(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """Run and name of a message of ours, as its metadata says."""
    if "metadata" not in message:
        return None
    payload = message["metadata"]["event_payload"]
    return payload["run"], payload["name"]


def buttons(message: Mapping[str, Any]) -> frozenset[str]:
    """What can be pressed on it."""
    rows = (block.get("elements", ()) for block in message.get("blocks") or ())
    return frozenset(element["action_id"] for row in rows for element in row if "action_id" in element)


def looks(message: Mapping[str, Any]) -> str:
    """What people see of it, in JSON."""
    return json.dumps(message.get("blocks") or message["text"], ensure_ascii=False)


def number_of(text: str) -> int:
    """Which request a text is."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else 0


def _said(kind: str, payload: Mapping[str, Any]) -> str:
    """The words of a person; clicks and deletions quote them too, and promise nothing."""
    if kind == "slash_commands":
        return str(payload["text"])
    event = payload.get("event", {})
    return str(event["text"]) if event.get("type") in {"message", "app_mention"} and "subtype" not in event else ""

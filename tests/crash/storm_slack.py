"""A Slack in bad weather: deliveries come late, twice and in another order, and again until somebody has them."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from bot.listeners.inbox_middleware import NOT_STORED
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER

CHANNELS = tuple(f"C0STORM{number:02}" for number in range(16))
"""Enough of them that Slack's one message a second and channel is not what the storm measures."""
FLOWS = ("answer", "catchup", "decide")
TRIES = 12
_NUMBER = re.compile(r"storm number (\d+)")


class StormSlack(SlackServer):
    """The Slack double with many channels. `web` names where a delivery goes: any of the web processes."""

    def __init__(self, chance: random.Random, web: Callable[[], str]) -> None:
        self._web = web
        super().__init__()
        self.chance = chance
        self.accepted: set[int] = set()
        """Requests of which Slack, and so the person, was told that we have them."""
        self.asked = 0
        for channel in CHANNELS:
            self.workspace.add_channel(channel, channel.lower(), {"U0DANA", "U0LEE", BOT_USER})

    @property
    def request_url(self) -> str:
        """Behind a load balancer every delivery may meet another process."""
        return self._web()

    @request_url.setter
    def request_url(self, value: str) -> None:
        """The double's own setting is not used."""

    async def ask(self) -> int:
        """One more request by command or mention; returns its number, whether somebody took it or not."""
        self.asked += 1
        number, channel = self.asked, self.chance.choice(CHANNELS)
        words = f"use {self.chance.choice(FLOWS)}: storm number {number}"
        if self.chance.random() < 0.5:
            await self.command(words, channel=channel)
        else:
            await self.say(f"<@{BOT_USER}> {words}", channel=channel)
        return number

    async def deliver(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Offer it once or twice, now or a moment later."""
        copies = 1 + (self.chance.random() < 0.3)
        answers = await asyncio.gather(*(self._offer(kind, payload, self.chance.random()) for _ in range(copies)))
        taken = next((answer for answer in answers if answer is not None and answer.get("text") != NOT_STORED), None)
        if taken is not None and (found := _NUMBER.search(json.dumps(payload))):
            self.accepted.add(int(found[1]))
        return taken

    async def _offer(self, kind: str, payload: dict[str, Any], delay_s: float) -> dict[str, Any] | None:
        await asyncio.sleep(delay_s)
        # A command is offered once, and the person sees that nobody was there.
        for attempt in range(TRIES if kind == "events_api" else 1):
            answer = await self._by_http(kind, payload, attempt)
            if answer is not None:
                return answer
            await asyncio.sleep(self.chance.random())
        return None

    def posted(self) -> Counter[tuple[str, str]]:
        """How often each named message of a run stands in Slack."""
        found: Counter[tuple[str, str]] = Counter()
        for channel in self.workspace.channels.values():
            for message in channel.messages:
                if "metadata" in message:
                    payload = message["metadata"]["event_payload"]
                    found[payload["run"], payload["name"]] += 1
        return found

    def shown(self, name: str) -> list[str]:
        """Every message of that name as it stands now: what people see, in JSON."""
        return [
            json.dumps(message["blocks"] or message["text"], ensure_ascii=False)
            for channel in self.workspace.channels.values()
            for message in channel.messages
            if message.get("metadata", {}).get("event_payload", {}).get("name") == name
        ]


def number_of(text: str) -> int:
    """Which request a stored text is."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else 0

"""The memory of the Slack double: a workspace with people, channels and messages, and who waits for a change of it."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TEAM = "T0AGENTS"
BOT_USER = "U0BOT"
BOT_ID = "B0BOT"
APP_ID = "A0AGENTS"
BOT_TOKEN = "xoxb-test"
APP_TOKEN = "xapp-test"
TRIGGER_S = 3.0
RESPONSE_USES = 5
RESPONSE_S = 1800.0


class Now:
    """A clock of the double that stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 1_790_000_000.0

    def __call__(self) -> float:
        return self.seconds


class Refused(Exception):  # noqa: N818 - it is Slack's answer, not our error
    """`ok: false` with Slack's word for it."""

    def __init__(self, code: str, *details: str) -> None:
        super().__init__(code)
        self.code = code
        self.details = list(details)


@dataclass
class Channel:
    id: str
    name: str = ""
    members: set[str] = field(default_factory=set)
    is_im: bool = False
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        names = ("id", "name", "is_im", "is_private", "is_archived", "is_ext_shared")
        is_member = {} if self.is_im else {"is_member": BOT_USER in self.members}
        return {**{name: getattr(self, name) for name in names}, "is_channel": not self.is_im, **is_member}


@dataclass
class ResponseUrl:
    channel: str
    user: str
    message_ts: str | None
    born_s: float
    uses: int = 0


@dataclass
class Fault:
    """What happens to the next calls of a method.

    `lose` drops the connection `before` or `after` the effect, or lets it `hang` after it. `page` answers with a
    proxy's page instead of JSON.
    """

    method: str
    error: str = ""
    status: int = 200
    retry_after_s: int | str | None = None
    lose: str = ""
    page: bool = False
    times: int = 1


@dataclass(frozen=True)
class Findable:
    """A message or file that searches find. `readers` can see it; None is everybody."""

    permalink: str
    content: str
    kind: str = "messages"
    channel_type: str = "public_channel"
    readers: frozenset[str] | None = None
    author: str = "Dana"
    channel: str = "platform"

    def json(self) -> dict[str, Any]:
        facts = {"permalink": self.permalink, "content": self.content, "kind": self.kind}
        return {**facts, "author_name": self.author, "channel_name": self.channel, "is_author_bot": False}


class Workspace:
    """Everything Slack remembers of a workspace. `clock` is replaceable, so that expiry is tested without waiting.

    `tokens` are those that speak in it; `enterprise` is its organisation, empty for most.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, *, team: str = TEAM, name: str = "Agents", enterprise: str = ""
    ) -> None:
        self.clock = clock
        self.team = team
        self.name = name
        self.enterprise = enterprise
        self.tokens = {BOT_TOKEN} if team == TEAM else set()
        self.users: dict[str, dict[str, Any]] = {}
        self.channels: dict[str, Channel] = {}
        self.ephemerals: list[dict[str, Any]] = []
        self.views: dict[str, dict[str, Any]] = {}
        self.homes: dict[str, dict[str, Any]] = {}
        self.reactions: list[tuple[str, str, str]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.triggers: dict[str, tuple[float, str]] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[Fault] = []
        self.findable: list[Findable] = []
        """What a search of the workspace can find."""
        self.action_tokens: dict[str, str] = {}
        self.revoked = False
        self.granted: set[str] | None = None
        """The token's scopes; None: every method is allowed, and no answer names any."""
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()
        self.add_user(BOT_USER, "agents", is_bot=True)
        for user, called in (("U0DANA", "Dana"), ("U0LEE", "Lee")):
            self.add_user(user, called)
        self.add_channel("C0PLATFORM", "platform", {"U0DANA", "U0LEE", BOT_USER})
        self.add_channel("C0OTHER", "other", {"U0DANA"})
        self.add_channel("D0DANA", "", {"U0DANA", BOT_USER}, is_im=True)

    def add_user(self, user: str, name: str, **facts: Any) -> None:
        plain = {"is_bot": False, "deleted": False, "is_restricted": False, "is_admin": False, "tz": "Etc/UTC"}
        profile = {"display_name": name, "real_name": name}
        self.users[user] = {
            "id": user,
            "team_id": self.team,
            "name": name.lower(),
            "profile": profile,
            **plain,
            **facts,
        }

    def add_channel(self, channel: str, name: str, members: set[str], **facts: Any) -> None:
        self.channels[channel] = Channel(channel, name, members, **facts)

    def number(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):06d}"

    def ts(self) -> str:
        return f"{int(self.clock())}.{next(self._numbers):06d}"

    def trigger(self, user: str) -> str:
        trigger = self.number("trigger.")
        self.triggers[trigger] = (self.clock(), user)
        return trigger

    def action_token(self, user: str) -> str:
        """A key with which the app may search for whoever has just written to it."""
        token = self.number("action.")
        self.action_tokens[token] = user
        return token

    def use_action_token(self, token: str) -> str:
        """The person behind a key."""
        if token not in self.action_tokens:
            raise Refused("invalid_action_token")
        return self.action_tokens[token]

    def use_trigger(self, trigger: str) -> str:
        """The person behind a trigger; good once, for three seconds."""
        born_s, user = self.triggers.pop(trigger, (None, ""))
        if born_s is None:
            raise Refused("invalid_trigger_id")
        if self.clock() - born_s > TRIGGER_S:
            raise Refused("expired_trigger_id")
        return user

    def channel(self, channel: str, *, posting: bool = False) -> Channel:
        found = self.channels.get(channel)
        if found is None or (found.is_private and BOT_USER not in found.members):
            raise Refused("channel_not_found")
        if posting and found.is_archived:
            raise Refused("is_archived")
        if posting and BOT_USER not in found.members:
            raise Refused("not_in_channel")
        return found

    def message(self, channel: str, ts: str) -> dict[str, Any]:
        for message in self.channel(channel).messages:
            if message["ts"] == ts:
                return message
        raise Refused("message_not_found")

    def dm(self, user: str) -> Channel:
        for channel in self.channels.values():
            if channel.is_im and user in channel.members:
                return channel
        if user not in self.users:
            raise Refused("user_not_found")
        self.add_channel(f"D{user[1:]}", "", {user, BOT_USER}, is_im=True)
        return self.channels[f"D{user[1:]}"]

    def fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in {method, "*"} and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    async def changed(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def wait_for(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        """The condition's first true value; it is looked at after every change."""
        async with self._changed, asyncio.timeout(timeout_s):
            return await self._changed.wait_for(condition)


def visible(message: Mapping[str, Any], *, with_metadata: bool) -> dict[str, Any]:
    return {k: v for k, v in message.items() if k != "metadata" or with_metadata}

"""Read conversations for a run: bounded, only what its asker may see, naming what could not be read."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import structlog

from bot.commands.text import unescape
from bot.people.access import AccessError
from bot.people.profiles import ProfileLookup
from bot.people.readers import ConversationMembership
from bot.runs.material import Attachments
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from patterns.core.context import Artifact
from storage.inbox import Inbox
from storage.run_rows import RunRow
from storage.runs import RunStore

log = structlog.get_logger()

MESSAGES_MAX = 100
THREAD_BYTES = 24_000
PAGE = 200
PAGES_MAX = 5
READ_S = 20.0
"""Seconds; apps that Slack limits to a page a minute use the pages they got by then."""
LINKS_MAX = 3
_LINK = re.compile(
    r"https?://[^\s/|<>]+/archives/(?P<channel>[CDG][A-Z0-9]+)/p(?P<s>\d{10})(?P<us>\d{6})"
    r"(?:\?[^\s|<>)]*?thread_ts=(?P<thread>\d{10}\.\d{6}))?"
)
"""A message's permalink, as Slack copies it."""


@dataclass(frozen=True, slots=True)
class Link:
    """A message that a request refers to; `thread_ts` is its thread, or itself."""

    channel: str
    thread_ts: str


@dataclass(frozen=True, slots=True)
class ThreadReader:
    """Reads the conversations a request is about. `own_host` is the host of a Slack other than the real one."""

    slack: Slack
    store: RunStore
    inbox: Inbox
    profiles: ProfileLookup
    readers: ConversationMembership
    own_host: str

    async def around(self, run: RunRow) -> Attachments:
        """Return the thread we were mentioned in, up to the mention."""
        link = Link(run.channel, run.thread_ts)
        return await self._thread(run, "this thread", link, until=run.options["message_ts"])

    async def about(self, run: RunRow, key: str) -> Attachments:
        """Return the shortcut's message and its thread; the message alone where we are not a member."""
        kept = await self.inbox.find(key, workspace=run.workspace)
        # The key comes back through a form: only whoever pointed at the message may have it read.
        if kept is None or kept["user"]["id"] != run.user:
            return Attachments(left_out=("The message you pointed at is no longer kept here.",))
        message = kept["message"]
        link = Link(kept["channel"]["id"], message.get("thread_ts") or message["ts"])
        found = await self._thread(run, "the message's thread", link, until=run.root_ts)
        if found.artifacts:
            return found
        alone = await self._lines(run, [message])
        said = "I see only that one message, because I am not where it was written."
        artifacts = (_quoted("the message", alone),)
        return Attachments(artifacts=artifacts, read=("1 message",), left_out=(said,), people=_people([message]))

    async def linked(self, run: RunRow) -> Attachments:
        """Return the messages whose permalinks are in the request, as far as its asker may read them."""
        request = await self.store.text(run.id, "request") or ""
        material = Attachments()
        links = self.links(request)
        for link in links[:LINKS_MAX]:
            material += await self._linked(run, link)
        if len(links) > LINKS_MAX:
            material += Attachments(left_out=(f"I follow {LINKS_MAX} links of a request; the others were left out.",))
        return material

    def links(self, text: str) -> list[Link]:
        """Return the messages that a text links to, each thread once."""
        found = [
            Link(match["channel"], match["thread"] or f"{match['s']}.{match['us']}")
            for match in _LINK.finditer(text)
            if self._is_slack(match[0])
        ]
        return list(dict.fromkeys(found))

    async def files_of_message(self, run: RunRow) -> list[str]:
        """Return the files of the asking message, where Slack's event did not name them."""
        ts = run.options["message_ts"]
        try:
            answer = await self.slack.of(run.workspace).call(
                "conversations.replies",
                channel=run.channel,
                ts=run.thread_ts or ts,
                oldest=ts,
                latest=ts,
                inclusive=True,
                limit=PAGE,
            )
        except SlackError as error:
            log.warning("mention_files_not_read", run=run.id, code=error.code)
            return []
        asking: Mapping[str, Any] = next((one for one in answer.get("messages", []) if one["ts"] == ts), {})
        return [str(file["id"]) for file in asking.get("files") or ()]

    # ------------------------------------------------------------ reading

    async def _linked(self, run: RunRow, link: Link) -> Attachments:
        if link == Link(run.channel, run.thread_ts):
            return Attachments()
        try:
            here = link.channel == run.channel
            refusal = "" if here else await self.readers.refusal(run.user, link.channel, workspace=run.workspace)
        except (AccessError, SlackError):
            refusal = "I could not check with Slack who may read it"
        if refusal:
            return Attachments(left_out=(f"A linked message was left out: {refusal}.",))
        return await self._thread(run, "the linked thread", link, until=run.root_ts)

    async def _thread(self, run: RunRow, name: str, link: Link, *, until: str) -> Attachments:
        try:
            messages, is_whole = await self._messages(run, link)
        except SlackError as error:
            return Attachments(left_out=(f"I could not read {name}: {_why(error)}.",))
        # Later messages are ours: the root of this very run.
        messages = [message for message in messages if _at(message) < float(until)]
        if not messages:
            return Attachments()
        kept = _fitting(await self._lines(run, messages))
        is_whole = is_whole and len(kept) == len(messages)
        read = f"{len(kept)} message{'' if len(kept) == 1 else 's'}"
        left = () if is_whole else (f"Of {name} I read the beginning and the newest messages that fit.",)
        return Attachments(artifacts=(_quoted(name, kept),), read=(read,), left_out=left, people=_people(messages))

    async def _messages(self, run: RunRow, link: Link) -> tuple[list[Mapping[str, Any]], bool]:
        """Return a thread's messages, oldest first, and whether they are complete."""
        found: list[Mapping[str, Any]] = []
        cursor = ""
        try:
            async with asyncio.timeout(READ_S):
                for _ in range(PAGES_MAX):
                    more = {"cursor": cursor} if cursor else {}
                    page = await self.slack.of(run.workspace).call(
                        "conversations.replies", channel=link.channel, ts=link.thread_ts, limit=PAGE, **more
                    )
                    found += page.get("messages", [])
                    cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
                    if not cursor:
                        return found, True
        except TimeoutError:
            if not found:
                raise SlackError("unreachable", code="timeout", method="conversations.replies") from None
        return found, False

    async def _lines(self, run: RunRow, messages: list[Mapping[str, Any]]) -> list[str]:
        """Return one `[ada, 23 Nov 14:02] text` entry per message; the first and the newest of many."""
        if len(messages) > MESSAGES_MAX:
            messages = [messages[0], *messages[1 - MESSAGES_MAX :]]
        return [await self._line(run, message) for message in messages]

    async def _line(self, run: RunRow, message: Mapping[str, Any]) -> str:
        user = message.get("user")
        bot = message.get("username") or (message.get("bot_profile") or {}).get("name") or "an app"
        name = (await self.profiles.person(str(user), run.workspace)).name if user else str(bot)
        said = [unescape(str(message.get("text") or ""))]
        said += [str(extra.get("fallback") or "") for extra in message.get("attachments") or ()]
        said += [f"(file: {file.get('name') or file.get('id')})" for file in message.get("files") or ()]
        when = datetime.fromtimestamp(_at(message), UTC)
        return f"[{name}, {when.day} {when:%b %H:%M}] {' '.join(part for part in said if part)}"

    def _is_slack(self, url: str) -> bool:
        netloc = urlsplit(url).netloc
        return netloc.endswith(".slack.com") or netloc == self.own_host


def _people(messages: list[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(message["user"]) for message in messages if message.get("user")))


def _quoted(name: str, lines: list[str]) -> Artifact:
    return Artifact(name=name, media_type="text/plain", text="\n".join(lines))


def _fitting(lines: list[str]) -> list[str]:
    """Return the first entry and the newest others that fit together."""
    first = lines[0].encode()[: THREAD_BYTES // 4].decode(errors="ignore")
    left, kept = THREAD_BYTES - len(first.encode()), []
    for line in reversed(lines[1:]):
        left -= len(line.encode()) + 1
        if left < 0:
            break
        kept.append(line)
    return [first, *reversed(kept)]


def _at(message: Mapping[str, Any]) -> float:
    return float(message["ts"])


def _why(error: SlackError) -> str:
    match error.kind:
        case "not_in_channel":
            return "I am not in its channel; /invite me there"
        case "missing_scope":
            return "the app may not read messages here; an admin can reinstall it with its manifest"
        case "gone":
            return "it is not there any more"
        case _:
            return "Slack did not hand it over"

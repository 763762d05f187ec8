"""Read conversations for a run: bounded, only what its asker may see, naming what could not be read."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import structlog

from bot.commands.message_words import attached_words, files_of, share_words, shares_of, unread_in, words_of
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
        refusal = await self._refusal(run, link) if found.artifacts else "I am not where it was written"
        if not refusal:
            return found
        alone = await self._lines(run, [message])
        left = (f"I see only that one message, because {refusal}.", *_left_out("it", [message]))
        if not alone:
            return Attachments(left_out=left)
        artifacts = (_quoted("the message", alone),)
        return Attachments(artifacts=artifacts, read=("1 message",), left_out=left, people=_people([message]))

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

    async def asking_message(self, run: RunRow, *, may_have_more: bool) -> Mapping[str, Any]:
        """Return the message that asked, as Slack has it where its event omits things; empty for no message."""
        if may_have_more:
            return await self._asked_again(run)
        kept = await self.inbox.find(run.options.get("delivery_key", ""), workspace=run.workspace)
        event = (kept or {}).get("event")
        return event if isinstance(event, Mapping) else {}

    def shared(self, message: Mapping[str, Any]) -> Attachments:
        """Return the messages forwarded with the request, and the words of what else is attached to it."""
        shares = shares_of(message)
        said = [(str(one.get("author_name") or "somebody"), share_words(one)) for one in shares]
        read = [f"[forwarded from {author}] {words}" for author, words in said if words]
        artifacts = [
            _quoted(f"forwarded message {at}" if read[1:] else "forwarded message", [line])
            for at, line in enumerate(read, 1)
        ]
        labels = [_counted(len(read), "forwarded message")] if read else []
        left = [_wordless(len(shares) - len(read))] if len(shares) > len(read) else []
        if beside := attached_words(message):
            artifacts.append(_quoted("what is attached to the request", [beside]))
            labels.append("what is attached to it")
        left += _words_only("what came with the request", [message])
        return Attachments(artifacts=tuple(artifacts), read=tuple(labels), left_out=tuple(left))

    async def _asked_again(self, run: RunRow) -> Mapping[str, Any]:
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
            return {}
        return next((one for one in answer.get("messages", []) if one["ts"] == ts), {})

    # ------------------------------------------------------------ reading

    async def _linked(self, run: RunRow, link: Link) -> Attachments:
        if link == Link(run.channel, run.thread_ts):
            return Attachments()
        if refusal := await self._refusal(run, link):
            return Attachments(left_out=(f"A linked message was left out: {refusal}.",))
        return await self._thread(run, "the linked thread", link, until=run.root_ts)

    async def _refusal(self, run: RunRow, link: Link) -> str:
        """Return why whoever asked may not read there now; empty where they may."""
        if link.channel == run.channel:
            return ""
        try:
            return await self.readers.refusal(run.user, link.channel, workspace=run.workspace)
        except (AccessError, SlackError):
            return "I could not check with Slack who may read it"

    async def _thread(self, run: RunRow, name: str, link: Link, *, until: str) -> Attachments:
        try:
            messages, is_whole = await self._messages(run, link)
        except SlackError as error:
            return Attachments(left_out=(f"I could not read {name}: {_why(error)}.",))
        # Later messages are ours: the root of this very run.
        messages = [message for message in messages if _at(message) < float(until)]
        if not messages:
            return Attachments()
        lines = await self._lines(run, messages)
        left = _left_out(name, messages)
        if not lines:
            return Attachments(left_out=tuple(left))
        kept = _fitting(lines)
        if not is_whole or len(kept) < min(len(lines), MESSAGES_MAX) or len(messages) > MESSAGES_MAX:
            left.insert(0, f"Of {name} I read the beginning and the newest messages that fit.")
        read = _counted(len(kept), "message")
        artifacts = (_quoted(name, kept),)
        return Attachments(artifacts=artifacts, read=(read,), left_out=tuple(left), people=_people(messages))

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
        """Return one `[ada, 23 Nov 14:02] text` entry per message with words; the first and the newest of many."""
        if len(messages) > MESSAGES_MAX:
            messages = [messages[0], *messages[1 - MESSAGES_MAX :]]
        return [await self._line(run, message) for message in messages if words_of(message) or files_of(message)]

    async def _line(self, run: RunRow, message: Mapping[str, Any]) -> str:
        user = message.get("user")
        bot = message.get("username") or (message.get("bot_profile") or {}).get("name") or "an app"
        name = (await self.profiles.person(str(user), run.workspace)).name if user else str(bot)
        said = [words_of(message)]
        said += [f"(file: {file.get('name') or file.get('id')})" for file in files_of(message)]
        when = datetime.fromtimestamp(_at(message), UTC)
        return f"[{name}, {when.day} {when:%b %H:%M}] {' '.join(part for part in said if part)}"

    def _is_slack(self, url: str) -> bool:
        netloc = urlsplit(url).netloc
        return netloc.endswith(".slack.com") or netloc == self.own_host


def _people(messages: list[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(message["user"]) for message in messages if message.get("user")))


def _quoted(name: str, lines: list[str]) -> Artifact:
    return Artifact(name=name, media_type="text/plain", text="\n".join(lines))


def _counted(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


def _left_out(name: str, messages: list[Mapping[str, Any]]) -> list[str]:
    """Return sentences about what messages hold besides words: nobody may take that for read."""
    wordless = sum(not words_of(message) and not files_of(message) for message in messages)
    verb = "was" if wordless == 1 else "were"
    left = [f"{_counted(wordless, 'message')} of {name} had no words and {verb} left out."] if wordless else []
    return left + _words_only(name, messages)


def _words_only(name: str, messages: list[Mapping[str, Any]]) -> list[str]:
    """Return the sentence that names what stands in messages and is no text; none for text alone."""
    shown = list(dict.fromkeys(what for message in messages for what in unread_in(message)))
    return [f"Of {name} I read words only, not {', '.join(shown)}."] if shown else []


def _wordless(number: int) -> str:
    one = "A forwarded message was" if number == 1 else f"{number} forwarded messages were"
    return f"{one} left out: Slack did not hand over the words."


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

"""The outbound client: every message leaves here, paced, retried without doubles, refused with a plain reason.

Slack's own retry handlers stay off, because they repeat a post whose answer was lost. We look first whether it arrived:
each message carries its run and name as metadata, and as the id of its first block where metadata is dropped.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.marks import EVENT_TYPE, is_ours, marked, perhaps_twice
from bot.mrkdwn import clip
from bot.pacing import POSTS, TIERS, Pacer, Rate
from bot.slack_errors import SlackError
from bot.views import SlackMessage
from patterns.ports import Clock

log = structlog.get_logger(__name__)

TEXT_MAX = 39_000
"""Slack truncates text at 40,000 without saying so."""
ATTEMPTS = 6
SEARCH_PAGES = 5
QUIET = {"parse": "none", "link_names": False}
UNFURLED = {"unfurl_links": False, "unfurl_media": False}
READS = frozenset(
    {
        "chat.getPermalink",
        "conversations.history",
        "conversations.info",
        "conversations.members",
        "conversations.replies",
        "files.info",
        "files.getUploadURLExternal",
        "users.info",
    }
)
"""Methods that do not read a JSON body."""
_REFUSED_BLOCKS = frozenset({"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format", "invalid_attachments"})
_RETRIED = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})


class _LostError(Exception):
    """The request may or may not have arrived."""


class Outbox(Protocol):
    """Our own record of posts: the intent is committed before anything is sent."""

    async def intend(
        self, run_id: str, name: str, channel: str
    ) -> tuple[Literal["new", "intended", "posted", "abandoned"], str | None]:
        """Record the intent; says what was known before, with the ts of a posted message."""
        ...

    async def posted(self, run_id: str, name: str, ts: str) -> None:
        """The message stands in Slack."""
        ...

    async def abandon(self, run_id: str, name: str) -> None:
        """It never will."""
        ...


class Tokens(Protocol):
    """Which token speaks in a workspace."""

    async def token(self, workspace: str) -> str:
        """The bot token as of now; SlackError when the app is not installed there."""
        ...

    async def refused(self, workspace: str, token: str, code: str) -> None:
        """Slack does not take that token any more, with Slack's own word for it."""
        ...


class SlackOut:
    """Posts, edits and private words in one workspace."""

    def __init__(
        self, workspace: str, client: AsyncWebClient, outbox: Outbox, clock: Clock, tokens: Tokens, pacer: Pacer
    ) -> None:
        self._workspace = workspace
        self._tokens = tokens
        self._client = client
        self._outbox = outbox
        self._clock = clock
        self._pacer = pacer

    async def post_once(
        self, run_id: str, name: str, *, channel: str, message: SlackMessage, thread_ts: str | None = None
    ) -> str:
        """Post a named message of a run exactly once over any number of crashes; returns its ts.

        Raises:
            SlackError: it could not be posted. The intent stays, except where it is abandoned as hopeless.
        """
        state, ts = await self._outbox.intend(run_id, name, channel)
        if state == "posted" and ts:
            return ts
        if state == "abandoned":
            raise SlackError("refused", code="abandoned", method="chat.postMessage")
        place = {"channel": channel, **({"thread_ts": thread_ts} if thread_ts else {})}
        findable = marked(message, f"{run_id}:{name}")
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"run": run_id, "name": name}}
        ts = await self._post_or_find(place, findable, metadata, search=state == "intended")
        await self._outbox.posted(run_id, name, ts)
        return ts

    async def find_or_abandon(self, run_id: str, name: str, *, channel: str, thread_ts: str | None) -> None:
        """Find out what became of a message that was cut off and that nobody will post again: it stands, or never will.

        Raises:
            SlackError: Slack does not answer.
        """
        place = {"channel": channel, **({"thread_ts": thread_ts} if thread_ts else {})}
        try:
            ts = await self._find(place, {"run": run_id, "name": name})
        except SlackError as error:
            if error.kind == "unreachable":
                raise
            ts = None
        if ts is None:
            await self._outbox.abandon(run_id, name)
        else:
            await self._outbox.posted(run_id, name, ts)

    async def post(self, *, channel: str, message: SlackMessage, thread_ts: str | None = None) -> str:
        """Post a message nobody would miss (a reminder, a word of a chore); returns its ts."""
        place = {"channel": channel, **({"thread_ts": thread_ts} if thread_ts else {})}
        return str((await self._send("chat.postMessage", message, {**place, **UNFURLED}))["ts"])

    async def update(self, *, channel: str, ts: str, message: SlackMessage) -> None:
        """Replace a message of ours."""
        await self._send("chat.update", message, {"channel": channel, "ts": ts})

    async def ephemeral(self, *, channel: str, user: str, message: SlackMessage, thread_ts: str | None = None) -> None:
        """Show something to one person in a channel; it is gone when they reload."""
        place = {"channel": channel, "user": user, **({"thread_ts": thread_ts} if thread_ts else {})}
        await self._send("chat.postEphemeral", message, place)

    async def respond(self, response_url: str, message: SlackMessage, *, replace_original: bool = False) -> None:
        """Answer a command or a click privately by its response_url: five times, within 30 minutes."""
        body: dict[str, Any] = {
            "response_type": "ephemeral",
            "replace_original": replace_original,
            "text": clip(message.text, TEXT_MAX),
            "blocks": list(message.blocks),
            **QUIET,
            **UNFURLED,
        }
        session = self._client.session
        if session is None:
            raise SlackError("unreachable", code="no_session", method="response_url")
        for attempt in range(ATTEMPTS):
            try:
                async with session.post(response_url, json=body) as answer:
                    status, said = answer.status, await answer.text()
                    wait_s = float(answer.headers.get("Retry-After", 2**attempt))
            except (aiohttp.ClientError, TimeoutError):
                status, said, wait_s = 0, "connection", float(2**attempt)
            if status == 200 and any(code in said for code in _REFUSED_BLOCKS):  # noqa: PLR2004 - HTTP
                body.pop("blocks", None)
                continue
            if status == 200:  # noqa: PLR2004 - HTTP
                return
            if status in {403, 404, 410}:
                raise SlackError("gone", code=said[:40] or str(status), method="response_url")
            await self._clock.sleep(wait_s)
        raise SlackError("unreachable", code=str(status), method="response_url")

    async def token(self) -> str:
        """The workspace's bot token, for what is fetched from Slack by other ways than its methods."""
        return await self._tokens.token(self._workspace)

    async def open_dm(self, user: str) -> str:
        """The channel of our direct messages with a person."""
        answer = await self.call("conversations.open", users=user)
        return str(answer["channel"]["id"])

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - Slack's own arguments
        """Any other method that may be repeated without harm (`views.open`, `users.info`), paced and retried."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._once(method, arguments)
            except _LostError:
                await self._clock.sleep(min(2.0**attempt, 8.0))
        raise SlackError("unreachable", code="connection", method=method)

    async def send(self, method: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - Slack's own arguments
        """A method that must not be repeated when its answer is lost."""
        try:
            return await self._once(method, arguments)
        except _LostError:
            raise SlackError("unreachable", code="connection", method=method) from None

    # ------------------------------------------------------------ posting

    async def _post_or_find(
        self, place: dict[str, Any], message: SlackMessage, metadata: dict[str, Any], *, search: bool
    ) -> str:
        arguments = {**place, **UNFURLED, "metadata": metadata}
        for attempt in range(ATTEMPTS):
            if search:
                try:
                    if found := await self._find(place, metadata["event_payload"]):
                        return found
                except SlackError as error:
                    log.warning(
                        "cannot_look_for_post", method=error.method, code=error.code, **metadata["event_payload"]
                    )
                    message = perhaps_twice(message)
            try:
                return str((await self._send_once("chat.postMessage", message, arguments))["ts"])
            except _LostError:
                search = True
                log.warning("post_answer_lost", **metadata["event_payload"])
                await self._clock.sleep(min(2.0**attempt, 8.0))
        raise SlackError("unreachable", code="connection", method="chat.postMessage")

    async def _find(self, place: Mapping[str, Any], payload: Mapping[str, str]) -> str | None:
        """The ts of a message of ours that arrived although its answer did not."""
        thread_ts = place.get("thread_ts")
        method = "conversations.replies" if thread_ts else "conversations.history"
        where = {"channel": place["channel"], "limit": 100, "include_all_metadata": True}
        if thread_ts:
            where["ts"] = thread_ts
        marker = f"{payload['run']}:{payload['name']}"
        for _ in range(SEARCH_PAGES):
            page = await self.call(method, **where)
            for message in page.get("messages", []):
                if is_ours(message, payload, marker):
                    return str(message["ts"])
            where["cursor"] = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not where["cursor"]:
                break
        return None

    async def _send(self, method: str, message: SlackMessage, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        for attempt in range(ATTEMPTS):
            try:
                return await self._send_once(method, message, arguments)
            except _LostError:
                if method != "chat.update":
                    break
                await self._clock.sleep(min(2.0**attempt, 8.0))
        raise SlackError("unreachable", code="connection", method=method)

    async def _send_once(self, method: str, message: SlackMessage, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """One message; as text when its blocks are refused, because a plain answer beats none."""
        body = {**arguments, **QUIET, "text": clip(message.text, TEXT_MAX), "blocks": list(message.blocks)}
        try:
            return await self._once(method, body)
        except SlackError as error:
            if error.code not in _REFUSED_BLOCKS or not message.blocks:
                raise
            log.warning("blocks_refused", method=method, code=error.code)
            return await self._once(method, {**body, "blocks": []})

    async def _once(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """One call that reached Slack: waits its turn, obeys Retry-After.

        Raises:
            _LostError: it may have arrived or not.
        """
        rates = {key: rate for key, rate in self._rates(method, arguments).items() if rate}
        for _ in range(ATTEMPTS):
            await self._pacer.wait(rates)
            # Asked each time: it may have been renewed, or taken away, in another process.
            token = await self.token()
            said = {**arguments, "token": token}
            try:
                sent = {"params": said} if method in READS else {"json": said}
                answer = await self._client.api_call(method, http_verb="GET" if method in READS else "POST", **sent)
                return dict(answer.data) if isinstance(answer.data, dict) else {}
            except SlackApiError as error:
                status, code, headers = _read(error)
                if status == 429:  # noqa: PLR2004 - HTTP
                    await self._held_back(rates, float(headers.get("Retry-After", 1)), method)
                    continue
                if status >= 500 or code in _RETRIED:  # noqa: PLR2004 - HTTP
                    raise _LostError from error
                refusal = SlackError.of(code, method)
                if refusal.kind == "revoked":
                    await self._tokens.refused(self._workspace, token, code)
                raise refusal from error
            except aiohttp.ClientConnectorError:
                await self._clock.sleep(1)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _LostError from error
        raise SlackError("unreachable", code="ratelimited", method=method)

    async def _held_back(self, rates: Mapping[str, Rate], seconds: float, method: str) -> None:
        log.info("slack_says_wait", method=method, retry_after_s=seconds)
        await self._pacer.hold_back(rates, seconds)
        if not rates:
            await self._clock.sleep(seconds)

    @staticmethod
    def _rates(method: str, arguments: Mapping[str, Any]) -> dict[str, Rate | None]:
        posts = {f"posts:{arguments.get('channel')}": POSTS} if method == "chat.postMessage" else {}
        return {**posts, method: TIERS.get(method)}


def _read(error: SlackApiError) -> tuple[int, str, Mapping[str, str]]:
    """Status, Slack's word and headers of a refusal, whatever shape the SDK left it in."""
    answer = error.response
    status = getattr(answer, "status_code", None) or getattr(answer, "status", None) or 0
    data = getattr(answer, "data", None)
    code = str(data.get("error", "unreadable")) if isinstance(data, dict) else "unreadable"
    return int(status) if data else max(int(status), 500), code, getattr(answer, "headers", {})

"""The outbound client: every message is sent here, retried without duplicates, as plain text when blocks are refused.

Slack's own retry handlers stay off, because they repeat a post whose response was lost. Before a retry we search for
the message: it carries its run and name as metadata, and as the id of its first block where metadata is dropped.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages.mrkdwn import clip
from bot.messages.views import SlackMessage
from bot.slack.errors import SlackError
from bot.slack.message_markers import EVENT_TYPE, is_ours, marked, with_duplicate_warning
from bot.slack.rate_limiter import RateLimiter, Turn
from bot.slack.turns import Rank
from bot.slack.web_api import ATTEMPTS, ResponseLostError, SlackMethods, Tokens, retry_after_s
from patterns.core.ports import Clock
from storage.outbox import Outbox

log = structlog.get_logger(__name__)

TEXT_MAX = 39_000
"""Characters; Slack silently truncates text at 40,000."""
SEARCH_PAGES = 5
RESPOND_WAIT_S = 60.0
"""A response_url that asks for a longer pause is left for the next way to the person."""
QUIET = {"parse": "none", "link_names": False}
UNFURLED = {"unfurl_links": False, "unfurl_media": False}
_REFUSED_BLOCKS = frozenset({"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format", "invalid_attachments"})


class SlackClient(SlackMethods):
    """Posts, edits and ephemeral messages in one workspace."""

    def __init__(
        self,
        workspace: str,
        client: AsyncWebClient,
        outbox: Outbox,
        clock: Clock,
        tokens: Tokens,
        limiter: RateLimiter,
    ) -> None:
        super().__init__(workspace, client, clock, tokens, limiter)
        self._outbox = outbox

    async def post_once(  # noqa: PLR0913 - a message, its place and its record, each by keyword
        self,
        run_id: str,
        name: str,
        *,
        channel: str,
        message: SlackMessage,
        thread_ts: str | None = None,
        rank: Rank = Rank.USUAL,
        record: Callable[[str], Awaitable[None]] | None = None,
    ) -> str:
        """Post a named message of a run exactly once over any number of crashes; return its ts.

        `record` writes the ts of a new post instead of the outbox, with more that belongs to it.

        Raises:
            SlackError: it could not be posted. The intent stays, except where it is abandoned as hopeless.
        """
        turn = self._limiter.turn(self._rates("chat.postMessage", {"channel": channel}))
        state, ts = await self._outbox.add_intent(run_id, name, channel, also=turn.taking)
        if state == "posted" and ts:
            return ts
        if state == "abandoned":
            raise SlackError("refused", code="abandoned", method="chat.postMessage")
        place = {"channel": channel, **({"thread_ts": thread_ts} if thread_ts else {})}
        findable = marked(message, f"{run_id}:{name}")
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"run": run_id, "name": name}}
        ts = await self._post_or_find(place, findable, metadata, search=state == "intended", turn=turn, rank=rank)
        await (self._outbox.mark_posted(run_id, name, ts) if record is None else record(ts))
        return ts

    async def find_or_abandon(self, run_id: str, name: str, *, channel: str, thread_ts: str | None) -> None:
        """Find out whether an interrupted post arrived, and record it as posted or abandoned; it is not posted again.

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
            await self._outbox.mark_abandoned(run_id, name)
        else:
            await self._outbox.mark_posted(run_id, name, ts)

    async def find(self, run_id: str, name: str, *, channel: str) -> str | None:
        """Return the ts of a named message in a channel outside threads; None if there is none or nobody can say."""
        try:
            return await self._find({"channel": channel}, {"run": run_id, "name": name})
        except SlackError as error:
            if error.kind == "unreachable":
                raise
            return None

    async def post(self, *, channel: str, message: SlackMessage, thread_ts: str | None = None) -> str:
        """Post a message without an outbox row (a reminder, a chore's notice); return its ts."""
        place = {"channel": channel, **({"thread_ts": thread_ts} if thread_ts else {})}
        return str((await self._send("chat.postMessage", message, {**place, **UNFURLED}))["ts"])

    async def update(self, *, channel: str, ts: str, message: SlackMessage) -> None:
        """Replace a message of ours."""
        await self._send("chat.update", message, {"channel": channel, "ts": ts})

    async def update_if_room(self, *, channel: str, ts: str, render: Callable[[], SlackMessage]) -> bool:
        """Replace a message of ours, unless Slack's rate limit leaves no room for an optional edit; say which.

        What replaces it is rendered only when there is room.
        """
        if not await self.has_room("chat.update"):
            return False
        try:
            await self._send("chat.update", render(), {"channel": channel, "ts": ts}, has_turn=True)
        except SlackError as error:
            if error.code != "ratelimited":
                raise
            return False
        return True

    async def ephemeral(self, *, channel: str, user: str, message: SlackMessage, thread_ts: str | None = None) -> None:
        """Show a message to one person in a channel; it disappears when they reload."""
        place = {"channel": channel, "user": user, **({"thread_ts": thread_ts} if thread_ts else {})}
        await self._send("chat.postEphemeral", message, place)

    async def respond(self, response_url: str, message: SlackMessage, *, replace_original: bool = False) -> None:
        """Reply privately to a command or a click by its response_url: five times, within 30 minutes."""
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
                    wait_s = min(retry_after_s(answer.headers, default_s=2.0**attempt), RESPOND_WAIT_S)
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

    # ------------------------------------------------------------ posting

    async def _post_or_find(
        self,
        place: dict[str, Any],
        message: SlackMessage,
        metadata: dict[str, Any],
        *,
        search: bool,
        turn: Turn,
        rank: Rank,
    ) -> str:
        arguments = {**place, **UNFURLED, "metadata": metadata}
        post: Mapping[str, str] = metadata["event_payload"]
        for attempt in range(ATTEMPTS):
            if search:
                try:
                    if found := await self._find(place, post):
                        return found
                except SlackError as error:
                    log.warning(
                        "post_search_failed",
                        run=post["run"],
                        name=post["name"],
                        method=error.method,
                        code=error.code,
                    )
                    message = with_duplicate_warning(message)
            try:
                mine = None if attempt else turn
                sent = await self._send_once("chat.postMessage", message, arguments, rank=rank, turn=mine)
                return str(sent["ts"])
            except ResponseLostError:
                search = True
                log.warning("post_response_lost", run=post["run"], name=post["name"])
                await self._clock.sleep(min(2.0**attempt, 8.0))
        raise SlackError("unreachable", code="connection", method="chat.postMessage")

    async def _find(self, place: Mapping[str, Any], payload: Mapping[str, str]) -> str | None:
        """Return the ts of a message of ours that arrived although its response was lost; None when there is none."""
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

    async def _send(
        self, method: str, message: SlackMessage, arguments: Mapping[str, Any], *, has_turn: bool = False
    ) -> Mapping[str, Any]:
        for attempt in range(ATTEMPTS):
            try:
                return await self._send_once(method, message, arguments, has_turn=has_turn and not attempt)
            except ResponseLostError:
                if method != "chat.update":
                    break
                await self._clock.sleep(min(2.0**attempt, 8.0))
        raise SlackError("unreachable", code="connection", method=method)

    async def _send_once(
        self,
        method: str,
        message: SlackMessage,
        arguments: Mapping[str, Any],
        *,
        has_turn: bool = False,
        rank: Rank = Rank.USUAL,
        turn: Turn | None = None,
    ) -> Mapping[str, Any]:
        """Send one message; resend it as plain text when its blocks are refused."""
        body = {**arguments, **QUIET, "text": clip(message.text, TEXT_MAX), "blocks": list(message.blocks)}
        try:
            return await self.once(method, body, has_turn=has_turn, rank=rank, turn=turn)
        except SlackError as error:
            if error.code not in _REFUSED_BLOCKS or not message.blocks:
                raise
            log.warning("blocks_rejected", method=method, code=error.code)
            return await self.once(method, {**body, "blocks": []}, rank=rank)

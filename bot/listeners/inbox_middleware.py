"""Commit every payload before it is acknowledged, so that a crash loses no request and answers none twice."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse

from bot.commands.origin import Origin
from bot.listeners.payloads import InboundPayload, Kind, delivery_of, sent_at_us
from bot.listeners.services import ListenerServices
from patterns.core.text import storable_json

log = structlog.get_logger()

NOT_STORED = "I could not store that, nothing was started. Please try again."
LATE_S = 2.5
"""Seconds; Slack waits three and then tells the person that we did not respond. Only events are sent again."""
_REPLAYED = "replayed"
DELIVERY = "delivery"
"""Key of the context under which the read payload is kept."""
_KEY_OF_SEARCHES = "action_token"
ACTION_TOKEN_CHARS_MAX = 4_000
_SECRETS = frozenset({"token"})
"""Slack's old verification token is not stored."""


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Put the inbox before every listener."""
    app.use(InboxMiddleware(services))


class InboxMiddleware(AsyncMiddleware):
    """Bolt's middleware as a class: it receives its arguments even for payloads that Bolt cannot resolve."""

    def __init__(self, services: ListenerServices) -> None:
        self._inbox = services.inbox
        self._reviews = services.reviews
        self._observe = services.observe_clock
        self._followups = services.followups

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - Bolt's signature
    ) -> BoltResponse | None:
        """Pass new payloads on to the listeners; answer everything else here."""
        # Lone surrogates or a NUL in a reason or a file name would break whatever stores it later.
        body = req.body = storable_json(req.body)
        context = req.context
        try:
            delivery = delivery_of(body, workspace=workspace_of(context), bot_user=context.bot_user_id or "")
            happened_us = sent_at_us(body)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            # Not the shape Slack documents: a retry by Slack would not change that.
            log.exception("payload_malformed", type=body.get("type"))
            return BoltResponse(status=200)
        is_replayed = context.get(_REPLAYED, False)
        if happened_us is not None and not is_replayed and _is_first_try(req.headers):
            self._observe(happened_us)
        if delivery is not None and not is_replayed:
            answer = await self._take(delivery, req)
            if answer is not None:
                return answer
        if delivery is not None:
            context[DELIVERY] = delivery
        return await next()

    async def _take(self, delivery: InboundPayload, req: AsyncBoltRequest) -> BoltResponse | None:
        """Store a payload that concerns us; return None when the listeners may have it, else the response."""
        try:
            is_for_us = await self._is_for_us(delivery)
        except Exception:
            # Rejected, so that Slack sends it again and a person sees that it was not accepted.
            log.exception("payload_not_classified", payload=delivery.origin.delivery_key)
            return await _refuse(delivery.kind, req.context, req.body)
        if not is_for_us:
            return BoltResponse(status=200)
        return await self._store(delivery, req) if delivery.origin.delivery_key else None

    async def _is_for_us(self, delivery: InboundPayload) -> bool:
        """Return False for conversations between people outside our threads, which are not stored."""
        place = delivery.origin
        if delivery.if_ == "edit":
            return await self._followups.was_asked(place)
        if delivery.if_ == "reply":
            return await self._followups.continues(place) or await self._reviews.is_waiting(place)
        return True

    async def _store(self, delivery: InboundPayload, req: AsyncBoltRequest) -> BoltResponse | None:
        """Commit the payload; return None when it is new, else the response."""
        payload = without_deleted_words({name: value for name, value in req.body.items() if name not in _SECRETS})
        payload, action_token = without_action_token(payload)
        key, begun_s = delivery.origin.delivery_key, time.monotonic()
        try:
            is_new = await self._inbox.store(
                key, workspace_of(req.context), delivery.kind, payload, action_token=action_token
            )
        except Exception:
            # Same: what is not stored must not be acknowledged.
            log.exception("payload_not_stored", payload=key)
            return await _refuse(delivery.kind, req.context, req.body)
        if is_new and delivery.kind != "event" and time.monotonic() - begun_s > LATE_S:
            # The person has seen a failure and may be typing it again: doing it twice would be worse than not at all.
            log.warning("payload_stored_late", payload=key)
            try:
                await self._inbox.mark_processed(key, "too late")
            except Exception:
                # The database is away again: it will be replayed, and done although it was reported as failed.
                log.exception("payload_not_closed", payload=key)
            return await _refuse(delivery.kind, req.context, req.body)
        if is_new:
            return None
        log.info("payload_duplicate", payload=key)
        return BoltResponse(status=200)


def _is_first_try(headers: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a payload comes for the first time; in Socket Mode the first try is numbered too, as 0."""
    return [*headers.get("x-slack-retry-num", ())] in ([], ["0"])


def without_deleted_words(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload to store, without the text of a message that its writer has just deleted."""
    event = body.get("event")
    if not isinstance(event, dict) or event.get("subtype") != "message_deleted":
        return dict(body)
    before = event.get("previous_message") or {}
    known = {name: before[name] for name in ("user", "bot_id", "ts", "thread_ts") if name in before}
    return {**body, "event": {**event, "previous_message": known}}


def without_action_token(payload: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a payload without the key for searches that came with a message, and that key; empty where none did."""
    event = payload.get("event")
    if not isinstance(event, dict):
        return dict(payload), ""
    thread = event.get("assistant_thread")
    places = [event, *([thread] if isinstance(thread, dict) else [])]
    found = next((place[_KEY_OF_SEARCHES] for place in places if isinstance(place.get(_KEY_OF_SEARCHES), str)), "")
    bare = {name: value for name, value in event.items() if name != _KEY_OF_SEARCHES}
    if isinstance(thread, dict):
        bare["assistant_thread"] = {name: value for name, value in thread.items() if name != _KEY_OF_SEARCHES}
    return {**payload, "event": bare}, found[:ACTION_TOKEN_CHARS_MAX]


async def replay(app: AsyncApp, payload: Mapping[str, Any]) -> None:
    """Handle a stored payload again that was not finished when its process stopped."""
    await app.async_dispatch(AsyncBoltRequest(body=dict(payload), mode="socket_mode", context={_REPLAYED: True}))


def workspace_of(context: AsyncBoltContext) -> str:
    """Return the workspace that a payload is booked under: the token's own, where the token has one.

    In a shared channel a payload can name the workspace of whoever clicked. They are outsiders here, and members there:
    only the first is our business. An app installed for a whole organisation may only know that.
    """
    authorized = context.authorize_result
    own = (authorized.team_id or "") if authorized is not None else ""
    return own if own.startswith("T") else context.team_id or context.enterprise_id or ""


def origin_of(context: AsyncBoltContext) -> Origin:
    """Return who said it where, as read by the inbox; raise KeyError for a payload that is not for us."""
    delivery: InboundPayload = context[DELIVERY]
    return delivery.origin


def delivery_in(context: AsyncBoltContext) -> InboundPayload | None:
    """Return the payload as read by the inbox; None for one that is not for us."""
    found: InboundPayload | None = context.get(DELIVERY)
    return found


def _first_field(body: Mapping[str, Any]) -> str:
    """Return the block of a form that can show an error."""
    return next(str(block["block_id"]) for block in body["view"]["blocks"] if block["type"] == "input")


async def _refuse(kind: Kind, context: AsyncBoltContext, body: Mapping[str, Any]) -> BoltResponse:
    if kind == "command":
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": NOT_STORED})
    if kind == "view":
        return BoltResponse(status=200, body={"response_action": "errors", "errors": {_first_field(body): NOT_STORED}})
    if kind == "action" and context.respond is not None:
        await context.respond(text=NOT_STORED, response_type="ephemeral", replace_original=False)
        return BoltResponse(status=200)
    # Slack sends an event again until it is acknowledged.
    return BoltResponse(status=503)

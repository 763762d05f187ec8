"""Commits every delivery before Slack hears that we have it: a crash loses no request and answers none twice."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse

from bot.commands.origin import Origin
from bot.listeners.payloads import InboundPayload, Kind, delivery_of, live_us
from bot.listeners.services import ListenerServices
from patterns.core.text import storable_json

log = structlog.get_logger()

NOT_STORED = "I could not store that, nothing was started. Please try again."
LATE_S = 2.5
"""Slack waits three seconds and then tells the person that we did not respond, events aside, which it sends again."""
_REPLAYED = "replayed"
DELIVERY = "delivery"
"""Where the context keeps who said what where."""
_SECRETS = frozenset({"token"})
"""Slack's old verification token is not kept."""


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Put the inbox before every listener."""
    app.use(InboxMiddleware(services))


class InboxMiddleware(AsyncMiddleware):
    """Bolt's middleware as a class: its arguments are there even for payloads in which Bolt finds its way no better."""

    def __init__(self, services: ListenerServices) -> None:
        self._inbox = services.inbox
        self._reviews = services.reviews
        self._observe = services.observe
        self._followups = services.followups

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - Bolt's signature
    ) -> BoltResponse | None:
        """Go on to the listeners with what is new; answer everything else here."""
        # Half a character or a NUL in a reason or a file's name would break whatever keeps it later.
        body = req.body = storable_json(req.body)
        context = req.context
        try:
            delivery = delivery_of(body, workspace=workspace_of(context), bot_user=context.bot_user_id or "")
            happened_us = live_us(body)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            # Not the shape Slack documents: asking Slack to send it again would not mend it.
            log.exception("malformed payload", type=body.get("type"))
            return BoltResponse(status=200)
        is_replayed = context.get(_REPLAYED, False)
        if happened_us is not None and not is_replayed and "x-slack-retry-num" not in req.headers:
            self._observe(happened_us)
        if delivery is not None and not is_replayed:
            answer = await self._take(delivery, req)
            if answer is not None:
                return answer
        if delivery is not None:
            context[DELIVERY] = delivery
        return await next()

    async def _take(self, delivery: InboundPayload, req: AsyncBoltRequest) -> BoltResponse | None:
        """Keep it when it concerns us; None when the listeners may have it."""
        try:
            is_for_us = await self._is_for_us(delivery)
        except Exception:
            # Refused, so that Slack delivers it again and a person hears that it was not taken.
            log.exception("nobody knows whom it is for", delivery=delivery.origin.delivery_key)
            return await _refuse(delivery.kind, req.context, req.body)
        if not is_for_us:
            return BoltResponse(status=200)
        return await self._store(delivery, req) if delivery.origin.delivery_key else None

    async def _is_for_us(self, delivery: InboundPayload) -> bool:
        """What people say to each other is ours only in threads of ours; nothing else of it is kept."""
        place = delivery.origin
        if delivery.if_ == "edit":
            return await self._followups.was_asked(place)
        if delivery.if_ == "reply":
            return await self._followups.continues(place) or await self._reviews.is_waiting(
                workspace=place.workspace, channel=place.channel, thread_ts=place.thread_ts or ""
            )
        return True

    async def _store(self, delivery: InboundPayload, req: AsyncBoltRequest) -> BoltResponse | None:
        """None when it is new and committed."""
        payload = {name: value for name, value in req.body.items() if name not in _SECRETS}
        key, begun_s = delivery.origin.delivery_key, time.monotonic()
        try:
            is_new = await self._inbox.store(key, workspace_of(req.context), delivery.kind, payload)
        except Exception:
            # The same: what is not stored must not be acknowledged.
            log.exception("delivery not stored", delivery=key)
            return await _refuse(delivery.kind, req.context, req.body)
        if is_new and delivery.kind != "event" and time.monotonic() - begun_s > LATE_S:
            # The person has read that it failed and may be typing it again: done twice would be worse than not at all.
            log.warning("delivery stored too late", delivery=key)
            try:
                await self._inbox.done(key, "too late")
            except Exception:
                # The database is away again: it will be replayed, and done although it was called failed.
                log.exception("late delivery not closed", delivery=key)
            return await _refuse(delivery.kind, req.context, req.body)
        if is_new:
            return None
        log.info("delivery seen before", delivery=key)
        return BoltResponse(status=200)


async def replay(app: AsyncApp, payload: Mapping[str, Any]) -> None:
    """Run a stored payload again that was not finished when the program stopped."""
    await app.async_dispatch(AsyncBoltRequest(body=dict(payload), mode="socket_mode", context={_REPLAYED: True}))


def workspace_of(context: AsyncBoltContext) -> str:
    """The workspace a payload belongs to; an app installed for a whole organisation may only know that."""
    return context.team_id or context.enterprise_id or ""


def origin_of(context: AsyncBoltContext) -> Origin:
    """Who said it where, as the inbox read it; KeyError for a payload that is not for us."""
    delivery: InboundPayload = context[DELIVERY]
    return delivery.origin


def delivery_in(context: AsyncBoltContext) -> InboundPayload | None:
    """The delivery as the inbox read it; None for what is not for us."""
    found: InboundPayload | None = context.get(DELIVERY)
    return found


def _first_field(body: Mapping[str, Any]) -> str:
    """Where a form can show a sentence."""
    return next(str(block["block_id"]) for block in body["view"]["blocks"] if block["type"] == "input")


async def _refuse(kind: Kind, context: AsyncBoltContext, body: Mapping[str, Any]) -> BoltResponse:
    if kind == "command":
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": NOT_STORED})
    if kind == "view":
        return BoltResponse(status=200, body={"response_action": "errors", "errors": {_first_field(body): NOT_STORED}})
    if kind == "action" and context.respond is not None:
        await context.respond(text=NOT_STORED, response_type="ephemeral", replace_original=False)
        return BoltResponse(status=200)
    # Slack sends an event again when we do not say that we have it.
    return BoltResponse(status=503)

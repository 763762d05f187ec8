"""Commits every delivery before Slack hears that we have it: a crash loses no request and answers none twice."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltContext, AsyncBoltRequest, AsyncRespond
from slack_bolt.response import BoltResponse

from bot.listeners.deliveries import Kind, delivery_of, live_us
from bot.listeners.services import ListenerServices
from bot.modals import ask_form_errors

log = structlog.get_logger()

NOT_STORED = "I could not store that, nothing was started. Please try again."
_REPLAYED = "replayed"
_KEY = "delivery_key"


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Put the inbox before every listener."""

    async def remember(
        req: AsyncBoltRequest,
        body: dict[str, Any],
        context: AsyncBoltContext,
        respond: AsyncRespond,
        next_: Callable[[], Awaitable[None]],
    ) -> BoltResponse | None:
        try:
            delivery = delivery_of(body, workspace=workspace_of(context), bot_user=context.bot_user_id or "")
            happened_us = live_us(body)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            # Not the shape Slack documents: asking Slack to send it again would not mend it.
            log.exception("malformed payload", type=body.get("type"))
            return BoltResponse(status=200)
        is_live = not context.get(_REPLAYED) and "x-slack-retry-num" not in req.headers
        if is_live and happened_us is not None:
            services.observe(happened_us)
        if delivery is not None:
            context[_KEY] = delivery.key
            if not context.get(_REPLAYED):
                try:
                    is_new = await services.inbox.store(
                        delivery.key, workspace_of(context), delivery.kind, _without_token(body)
                    )
                except Exception:
                    log.exception("delivery not stored", delivery=delivery.key)
                    return await _refuse(delivery.kind, respond)
                if not is_new:
                    log.info("delivery seen before", delivery=delivery.key)
                    return BoltResponse(status=200)
        await next_()
        return None

    app.middleware(remember)


async def replay(app: AsyncApp, payload: Mapping[str, Any]) -> None:
    """Run a stored payload again that was not finished when the program stopped."""
    await app.async_dispatch(AsyncBoltRequest(body=dict(payload), mode="socket_mode", context={_REPLAYED: True}))


def workspace_of(context: AsyncBoltContext) -> str:
    """The workspace a payload belongs to; an app installed for a whole organisation may only know that."""
    return context.team_id or context.enterprise_id or ""


def key_of(context: AsyncBoltContext) -> str:
    """The key under which this payload was stored, empty when it was not."""
    return str(context.get(_KEY, ""))


def _without_token(body: Mapping[str, Any]) -> dict[str, Any]:
    """The payload without Slack's old verification token: secrets are not kept."""
    return {name: value for name, value in body.items() if name != "token"}


async def _refuse(kind: Kind, respond: AsyncRespond) -> BoltResponse:
    if kind == "command":
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": NOT_STORED})
    if kind == "view":
        return BoltResponse(status=200, body={"response_action": "errors", "errors": ask_form_errors(NOT_STORED)})
    if kind == "action":
        await respond(text=NOT_STORED, response_type="ephemeral", replace_original=False)
        return BoltResponse(status=200)
    # Slack sends an event again when we do not say that we have it.
    return BoltResponse(status=503)

"""The door of HTTP mode: what a stranger can make us do before Slack's signature is checked is bounded.

Order: method and path, declared size, signature headers, body within its cap and time, HMAC over the raw bytes, shape.
Only then does Bolt see a request. Nothing here is logged more often than every ten seconds, and never with a traceback.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote_plus

import structlog

from bot.log_throttle import LogThrottle
from bot.manifest import EVENTS_PATH

log = structlog.get_logger()

BODY_MAX_BYTES = 1_000_000
"""Slack's largest payloads are some hundred kilobytes."""
BUFFERED_MAX_BYTES = 64_000_000
"""All bodies that are being read, together."""
BODY_S = 5.0
SIGNATURE_AGE_S = 300
LINGER_S, LINGER_BYTES = 2.0, 32_000_000
"""How long, and how much of it, a refused body is read away: a sender who is cut off would not see why."""
_FIELDS_MAX = 100
_PLAIN_FORMS = frozenset({"command", "ssl_check"})
"""A field of what Slack sends as a form without JSON."""
_NOTHING = type(None)
_SHAPES: Mapping[tuple[str, ...], tuple[type, ...]] = {
    ("event", "view", "container", "message", "item"): (dict, _NOTHING),
    ("team", "user", "channel", "enterprise"): (dict, str, _NOTHING),
    ("actions", "authorizations"): (list, _NOTHING),
    ("type", "team_id", "enterprise_id", "context_team_id", "callback_id", "trigger_id"): (str, _NOTHING),
}
"""What a payload and its event hold, where they hold it."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class RefusedError(Exception):
    """A request that goes no further. `status` is HTTP's, `reason` for the log."""

    def __init__(
        self, status: int, reason: str, headers: Mapping[str, str] | None = None, *, is_read: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})
        self.is_read = is_read
        """True when the whole body was read, so that nothing is left to wait for."""


class HttpGate:
    """An ASGI app in front of others: `app` takes what Slack posts, `others` has `pages`, with their methods.

    `guarded` are apps that check who asks themselves, before they read anything.
    """

    def __init__(
        self,
        app: App,
        others: App,
        *,
        secret: str,
        pages: Mapping[str, Collection[str]],
        guarded: Mapping[str, App] | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._others = others
        self._secret = secret.encode()
        self._pages = pages
        self._guarded = guarded or {}
        self._now_s = now_s
        self._buffered_bytes = 0
        self._throttle = LogThrottle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; answer 400, 401, 404, 405, 408, 413 or 503 to what goes no further."""
        if scope["type"] != "http":
            return
        if scope["path"] in self._guarded:
            await self._guarded[scope["path"]](scope, receive, send)
            return
        try:
            body = await self._checked(scope, receive)
        except RefusedError as refused:
            self._note(refused.reason, refused.status)
            if not refused.is_read:
                await _discard(scope, receive)
            await _answer(send, refused)
            return
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            app = self._app if scope["path"] == EVENTS_PATH else self._others
            await app(scope, _replayed(body, receive), sending)
        except Exception:
            # Whatever it is, the server's own answer would be a traceback in its log, and none to whoever asked.
            log.exception("http_request_failed", path=scope["path"])
            if not began:
                await _answer(send, RefusedError(500, "failed"))

    async def _checked(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body of a request that may pass."""
        path, method = scope["path"], scope["method"]
        allowed = {"POST"} if path == EVENTS_PATH else self._pages.get(path)
        if allowed is None:
            raise RefusedError(404, "unknown path")
        if method not in allowed:
            raise RefusedError(405, "unexpected method", {"allow": ", ".join(sorted(allowed))})
        if path != EVENTS_PATH:
            return b""
        headers = _headers(scope)
        _check_length(headers.get(b"content-length"))
        stamp, signature = self._signed(headers)
        body = await self._body(receive)
        digest = hmac.new(self._secret, b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(b"v0=" + digest.encode(), signature):
            raise RefusedError(401, "wrong signature", is_read=True)
        if not is_sound(body, headers.get(b"content-type", b"")):
            raise RefusedError(400, "signed, but malformed", is_read=True)
        return body

    def _signed(self, headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
        """Return timestamp and signature as sent; whoever sends none, or an old one, need not send a body."""
        stamp, signature = headers.get(b"x-slack-request-timestamp", b""), headers.get(b"x-slack-signature", b"")
        if not signature or not stamp.isdigit() or len(stamp) > 12:  # noqa: PLR2004 - digits until the year 33658
            raise RefusedError(401, "not signed")
        if abs(self._now_s() - int(stamp)) > SIGNATURE_AGE_S:
            raise RefusedError(401, "signed too long ago")
        return stamp, signature

    async def _body(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RefusedError(400, "gone before the end")
                    part = message.get("body", b"")
                    size += len(part)
                    self._buffered_bytes += len(part)
                    parts.append(part)
                    if size > BODY_MAX_BYTES:
                        raise RefusedError(413, "too large")
                    if self._buffered_bytes > BUFFERED_MAX_BYTES:
                        raise RefusedError(503, "too many bodies at once", {"retry-after": "1"})
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise RefusedError(408, "body too slow") from None
        finally:
            self._buffered_bytes -= size

    def _note(self, reason: str, status: int) -> None:
        if times := self._throttle.count(reason):
            log.warning("http_request_refused", reason=reason, status=status, times=times)


def is_sound(body: bytes, content_type: bytes) -> bool:
    """Return whether a body has a shape that Slack sends: a JSON object, or a form with one, or with a command."""
    try:
        text = body.decode()
        if b"json" in content_type.lower():
            return _is_payload(text)
        fields = text.split("&", _FIELDS_MAX)
        if len(fields) > _FIELDS_MAX:
            return False
        # Bolt decodes all of it afterwards: here only the value that is looked into. Slack spells the names plainly.
        named = [field.partition("=")[::2] for field in fields]
        if any("%" in name or "+" in name for name, _ in named):
            return False
        if payloads := [value for name, value in named if name == "payload"]:
            return all(_is_payload(unquote_plus(value, errors="strict")) for value in payloads)
        return any(name in _PLAIN_FORMS for name, _ in named)
    except (ValueError, RecursionError):
        return False


def _is_payload(text: str) -> bool:
    """Return whether a text is a JSON object, with nothing in it that Bolt trips over when it looks who sent it."""
    payload = json.loads(text, parse_constant=_no_constant)
    if not isinstance(payload, dict):
        return False
    event = payload.get("event")
    places = [payload, *([event] if isinstance(event, dict) else [])]
    return all(
        all(isinstance(place.get(name), kinds) for name in names)
        for place in places
        for names, kinds in _SHAPES.items()
    ) and all(isinstance(one, dict) for name in ("actions", "authorizations") for one in payload.get(name) or ())


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_length(declared: bytes | None) -> None:
    if declared is None:
        return
    if not declared.isdigit():
        raise RefusedError(400, "no such length")
    if len(declared) > 12 or int(declared) > BODY_MAX_BYTES:  # noqa: PLR2004 - no number worth reading
        raise RefusedError(413, "too large")


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in scope["headers"]}


async def _discard(scope: Scope, receive: Receive) -> None:
    """Read a refused body away, within bounds; not where the sender waits for our word before sending it."""
    headers = _headers(scope)
    if scope["method"] in {"GET", "HEAD"} or b"expect" in headers:
        return
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _answer(send: Send, refused: RefusedError) -> None:
    said = f"{refused.reason}\n".encode()
    headers = {**refused.headers, "content-type": "text/plain; charset=utf-8", "content-length": str(len(said))}
    start = {"type": "http.response.start", "status": refused.status}
    named = [(name.encode(), value.encode()) for name, value in {**headers, "connection": "close"}.items()]
    await send({**start, "headers": named})
    await send({"type": "http.response.body", "body": said})


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands over the body that was read, once."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again

"""The door of HTTP mode: what goes no further, with which status, and what it costs us."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot import http_gate
from bot.http_gate import BODY_MAX_BYTES, HttpGate, Message, Receive, Scope, Send

SECRET, NOW_S = "signing secret", 1_700_000_000
EVENTS = "/slack/events"
JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
GOOD = json.dumps({"type": "event_callback"}).encode()


class Inner:
    """The app behind the gate: remembers the bodies it was given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.error: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append((await receive())["body"] if scope["method"] == "POST" else b"")
        if self.error is not None:
            raise self.error
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest.fixture
def others() -> Inner:
    return Inner()


@pytest.fixture
def gate(inner: Inner, others: Inner) -> HttpGate:
    pages = {"/healthz": ("GET", "HEAD")}
    return HttpGate(inner, others, secret=SECRET, pages=pages, now_s=lambda: NOW_S)


def signed(body: bytes, *, secret: str = SECRET, at_s: int = NOW_S, content: bytes = JSON) -> dict[bytes, bytes]:
    digest = hmac.new(secret.encode(), b"v0:%d:" % at_s + body, hashlib.sha256).hexdigest()
    stamp = {b"X-Slack-Request-Timestamp": b"%d" % at_s, b"X-Slack-Signature": f"v0={digest}".encode()}
    return {**stamp, b"Content-Type": content, b"Content-Length": b"%d" % len(body)}


async def asked(
    gate: HttpGate,
    headers: dict[bytes, bytes],
    parts: Iterable[bytes] = (GOOD,),
    *,
    path: str = EVENTS,
    method: str = "POST",
    is_whole: bool = True,
) -> tuple[int, int]:
    """The status of the answer, and how many parts of the body were taken."""
    waiting, taken, sent = list(parts), 0, []

    async def receive() -> Message:
        nonlocal taken
        if not waiting:
            await asyncio.Event().wait()
        taken += 1
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or not is_whole}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "path": path, "method": method, "headers": list(headers.items())}
    await gate(scope, receive, send)
    return sent[0]["status"], taken


async def test_what_slack_signed_passes_as_it_came(gate: HttpGate, inner: Inner, others: Inner) -> None:
    assert await asked(gate, signed(GOOD), [GOOD[:7], GOOD[7:]]) == (200, 2)
    assert (inner.bodies, others.bodies) == ([GOOD], [])


async def test_a_page_passes_to_the_app_of_the_pages(gate: HttpGate, inner: Inner, others: Inner) -> None:
    assert (await asked(gate, {}, path="/healthz", method="GET"))[0] == 200
    assert (inner.bodies, others.bodies) == ([], [b""])


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/healthz", "GET", 200),
        ("/healthz", "HEAD", 200),
        ("/healthz", "DELETE", 405),
        (EVENTS, "GET", 405),
        (EVENTS, "PUT", 405),
        ("/slack/install", "GET", 404),
        ("/", "GET", 404),
        ("/slack/events/", "POST", 404),
        ("/.env", "GET", 404),
    ],
)
async def test_only_our_paths_and_their_methods_exist(gate: HttpGate, path: str, method: str, expected: int) -> None:
    assert (await asked(gate, {}, path=path, method=method))[0] == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({b"content-length": b"nonsense"}, 400),
        ({b"content-length": b"-1"}, 400),
        ({b"content-length": b"1000001"}, 413),
        ({b"content-length": b"9" * 5000}, 413),
        ({**signed(GOOD), b"X-Slack-Signature": b""}, 401),
        ({**signed(GOOD), b"X-Slack-Signature": b"v0=" + b"0" * 64}, 401),
        ({**signed(GOOD), b"X-Slack-Signature": "v0=é".encode("latin-1")}, 401),
        ({**signed(GOOD), b"X-Slack-Request-Timestamp": b"soon"}, 401),
        ({**signed(GOOD), b"X-Slack-Request-Timestamp": b"9" * 400}, 401),
        (signed(GOOD, secret="another"), 401),
        (signed(GOOD, at_s=NOW_S - 301), 401),
        (signed(GOOD, at_s=NOW_S + 301), 401),
        (signed(GOOD + b" "), 401),
    ],
)
async def test_what_is_not_signed_goes_no_further(
    gate: HttpGate, inner: Inner, headers: dict[bytes, bytes], expected: int
) -> None:
    assert (await asked(gate, headers))[0] == expected
    assert inner.bodies == []


DEEP = b"[" * 50_000 + b"]" * 50_000


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b'"text"', JSON),
        (b"\xff\xfe", JSON),
        (b'{"a":' + DEEP + b"}", JSON),
        (b"", FORM),
        (b"payload=%7B", FORM),
        (b"payload=%5B%5D", FORM),
        (b"text=hello", FORM),
        (b"command=%2Fagents&p%61yload=%7B", FORM),
        (b"payload=%7B%7D&payload=%7B", FORM),
        (b"command=%2Fagents" + b"&a=1" * 200, FORM),
        (b"\xff", FORM),
        (b'{"type": "event_callback", "event": []}', JSON),
        (b'{"type": "event_callback", "event": NaN}', JSON),
        (b'{"type": "event_callback", "enterprise_id": 5, "event": {}}', JSON),
        (b'{"type": "event_callback", "event": {"type": "message", "user": ["U1"]}}', JSON),
        (b'{"type": "event_callback", "authorizations": [5], "event": {}}', JSON),
        (b'{"type": "block_actions", "actions": "x", "user": 5}', JSON),
        (b'{"type": "view_submission", "view": "x"}', JSON),
        (b"payload=%7B%22team%22%3A%5B%5D%7D", FORM),
        (b"&".join(b"a%d=1" % n for n in range(500)), FORM),
    ],
)
async def test_what_is_signed_and_malformed_is_a_400(gate: HttpGate, inner: Inner, body: bytes, content: bytes) -> None:
    with capture_logs() as logged:
        assert (await asked(gate, signed(body, content=content), [body]))[0] == 400
    assert inner.bodies == []
    assert [entry["event"] for entry in logged] == ["http_request_refused"]
    assert "exc_info" not in logged[0]


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "event_callback", "event": {"type": "channel_created", "channel": {"id": "C1"}, "user": None}},
        {"type": "event_callback", "event": {"type": "team_join", "user": {"id": "U1"}}, "authorizations": None},
        {"type": "block_actions", "actions": [{"value": 5}], "user": {"id": "U1"}, "team": None, "enterprise": None},
        {"type": "url_verification", "challenge": "x"},
    ],
)
async def test_whatever_slack_sends_passes(gate: HttpGate, payload: dict[str, Any]) -> None:
    body = json.dumps(payload).encode()
    assert await asked(gate, signed(body), [body]) == (200, 1)


async def test_a_body_that_was_read_is_refused_at_once(gate: HttpGate) -> None:
    started_s = asyncio.get_running_loop().time()
    await asked(gate, signed(GOOD, secret="another"))
    assert asyncio.get_running_loop().time() - started_s < http_gate.LINGER_S


async def test_a_body_without_a_length_is_cut_off_at_the_cap(gate: HttpGate, inner: Inner) -> None:
    headers = signed(GOOD)
    del headers[b"Content-Length"]
    status, _taken = await asked(gate, headers, [b"x" * 400_000] * 4)
    assert (status, inner.bodies) == (413, [])
    assert await asked(gate, signed(GOOD)) == (200, 1)


async def test_the_largest_body_that_slack_may_send_passes(gate: HttpGate) -> None:
    body = json.dumps({"text": "x" * (BODY_MAX_BYTES - 20)}).encode()
    assert (await asked(gate, signed(body), [body]))[0] == 200


async def test_a_body_that_does_not_come_is_a_408(
    gate: HttpGate, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_gate, "BODY_S", 0.01)
    monkeypatch.setattr(http_gate, "LINGER_S", 0.01)
    assert (await asked(gate, signed(GOOD), [GOOD[:7]], is_whole=False))[0] == 408
    assert inner.bodies == []


async def test_bodies_that_are_being_read_are_limited_together(gate: HttpGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gate, "BUFFERED_MAX_BYTES", 10)
    assert (await asked(gate, signed(GOOD)))[0] == 503
    monkeypatch.setattr(http_gate, "BUFFERED_MAX_BYTES", 1_000)
    assert (await asked(gate, signed(GOOD)))[0] == 200


async def test_two_thousand_bad_requests_are_one_line(gate: HttpGate) -> None:
    with capture_logs() as logged:
        for _ in range(2_000):
            await asked(gate, {})
    assert [(entry["event"], entry["reason"], entry["times"]) for entry in logged] == [
        ("http_request_refused", "not signed", 1)
    ]


async def test_a_failure_behind_the_gate_is_a_500_that_tells_nothing(gate: HttpGate, inner: Inner) -> None:
    inner.error = RuntimeError("secret detail")
    with capture_logs() as logged:
        assert (await asked(gate, signed(GOOD)))[0] == 500
    assert [entry["event"] for entry in logged] == ["http_request_failed"]

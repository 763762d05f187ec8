"""A Slack on loopback: Web API, Socket Mode or signed HTTP, and people who type and click.

    async with SlackServer() as slack:
        bot = AsyncWebClient(token=BOT_TOKEN, base_url=slack.url)
        await slack.command("compare A and B")              # as Dana, in #platform
        root = await slack.wait_for(lambda: slack.messages("C0PLATFORM"))
        await slack.click("run_stop")

Where it differs from local-slack it does as the real one: limits are enforced, an envelope goes to one of the sockets,
triggers and response_urls wear out, metadata is kept. `fail()` scripts 429s, errors and lost connections.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from tests.fakes.slack_installs import Beside, Tokens
from tests.fakes.slack_methods import METHODS, arguments_of, check_scope, decoded, new_message
from tests.fakes.slack_people import People
from tests.fakes.slack_state import RESPONSE_S, RESPONSE_USES, Fault, Refused, ResponseUrl, Workspace

SIGNING_SECRET = "signing-secret"
ACK_S = 3.0
RETRIES = 3


class SlackServer(People):
    """One workspace on one port. `request_url` delivers by signed HTTP instead of Socket Mode."""

    def __init__(
        self, *, port: int = 0, request_url: str = "", clock: Callable[[], float] = time.time, ack_s: float = ACK_S
    ) -> None:
        super().__init__(Workspace(clock))
        self.tokens = Tokens(self.workspace)
        self.request_url = request_url
        self.ack_s = ack_s
        self.sockets: list[web.WebSocketResponse] = []
        self.base = ""
        self._port = port
        self._turn = 0
        self._closing = asyncio.Event()
        self._acks: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._runner: web.AppRunner | None = None

    # ------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=50_000_000)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/link/", self._socket)
        app.router.add_post("/{team}/response/{id}", self._response)
        app.router.add_post("/{team}/upload/{id}", self._upload)
        app.router.add_get("/{team}/file/{id}", self._download)
        app.router.add_post("/_control/{act}", self._control)
        app.router.add_get("/_control/{what}", self._state)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, self._port = self._runner.addresses[0][:2]
        self.base = f"http://{host}:{self._port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        for socket in list(self.sockets):
            await socket.close()
        if self._runner:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL for a Web API client."""
        return f"{self.base}/api/"

    def beside(self, team: str, *, name: str, enterprise: str = "") -> Beside:
        """Another workspace, without a token yet."""
        workspace = Workspace(self.workspace.clock, team=team, name=name, enterprise=enterprise)
        self.tokens.workspaces.append(workspace)
        return Beside(self, workspace)

    def fail(self, method: str, **how: Any) -> Fault:
        """Script the next calls of a method: error=, status=, page=, retry_after_s=, lose="before"|"after"|"hang"."""
        fault = Fault(method, **how)
        self.workspace.faults.append(fault)
        return fault

    # ------------------------------------------------------------ Web API

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        args = await arguments_of(request)
        authorization = request.headers.get("Authorization", "")
        workspace = self.tokens.workspace(authorization.removeprefix("Bearer "), args)
        workspace.calls.append((method, args))
        fault = workspace.fault(method)
        if fault and (answer := _faulty(request, fault)):
            return answer
        body = self._answer(workspace, method, args, authorization)
        await workspace.changed()
        if fault and fault.lose == "after":
            _drop(request)
        if fault and fault.lose == "hang":
            await self._closing.wait()
        granted = workspace.granted
        headers = {} if granted is None else {"X-OAuth-Scopes": ",".join(sorted(granted))}
        return web.json_response(body, headers=headers)

    def _answer(self, workspace: Workspace, method: str, args: dict[str, Any], authorization: str) -> dict[str, Any]:
        try:
            self.tokens.permit(method, authorization.removeprefix("Bearer "), workspace)
            if method == "oauth.v2.access":
                return {"ok": True, **self.tokens.exchange(args, authorization)}
            if method == "auth.revoke":
                token = authorization.removeprefix("Bearer ")
                self.tokens.revoked.add(token)
                workspace.tokens.discard(token)
                return {"ok": True, "revoked": True}
            if method == "apps.connections.open":
                return {"ok": True, "url": f"{self.base.replace('http', 'ws', 1)}/link/?ticket=1"}
            check_scope(workspace, method)
            answer = {"ok": True, **METHODS[method](workspace, decoded(args))}
            if "upload_url" in answer:
                answer["upload_url"] = f"{self.base}/{workspace.team}{answer['upload_url']}"
        except Refused as refused:
            return {"ok": False, "error": refused.code, "response_metadata": {"messages": refused.details}}
        except KeyError as missing:
            return {
                "ok": False,
                "error": "invalid_arguments",
                "response_metadata": {"messages": [f"missing {missing}"]},
            }
        return answer

    def _named(self, request: web.Request) -> Workspace:
        return next(one for one in self.tokens.workspaces if one.team == request.match_info["team"])

    async def _upload(self, request: web.Request) -> web.Response:
        data = await request.post()
        part = next(iter(data.values()), b"")
        content = part.file.read() if isinstance(part, web.FileField) else await request.read()
        self._named(request).files[request.match_info["id"]]["content"] = content
        return web.Response(text="OK")

    async def _download(self, request: web.Request) -> web.Response:
        """The bytes of a file that somebody shared, to whoever brings the token."""
        workspace = self._named(request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in workspace.tokens:
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        return web.Response(body=workspace.files[request.match_info["id"]]["content"])

    async def _response(self, request: web.Request) -> web.Response:
        """A response_url: private unless asked otherwise, five uses, thirty minutes."""
        workspace = self._named(request)
        place = workspace.response_urls.get(request.match_info["id"])
        if place is None or workspace.clock() - place.born_s > RESPONSE_S:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if place.uses >= RESPONSE_USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        place.uses += 1
        body = await request.json()
        workspace.calls.append(("response_url", body))
        try:
            _respond(workspace, place, body)
        except Refused as refused:
            return web.json_response({"ok": False, "error": refused.code})
        await workspace.changed()
        return web.Response(text="ok")

    # ------------------------------------------------------------ deliveries

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_json(
            {"type": "hello", "num_connections": len(self.sockets), "connection_info": {"app_id": "A"}}
        )
        await self.workspace.changed()
        async for frame in socket:
            if frame.type == aiohttp.WSMsgType.TEXT:
                said = json.loads(frame.data)
                waiting = self._acks.get(said.get("envelope_id", ""))
                if waiting and not waiting.done():
                    waiting.set_result(said.get("payload") or {})
        self.sockets.remove(socket)
        await self.workspace.changed()
        return socket

    async def refresh(self) -> None:
        """Slack's routine `disconnect` frame to every socket."""
        for socket in list(self.sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})

    async def deliver(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Hand a payload to the app; the ack's own payload, or None when nobody acked. Events are tried again."""
        retries = RETRIES if kind == "events_api" else 0
        for attempt in range(retries + 1):
            answer = await (self._by_http if self.request_url else self._by_socket)(kind, payload, attempt)
            if answer is not None:
                return answer
        return None

    async def _by_socket(self, kind: str, payload: dict[str, Any], attempt: int) -> dict[str, Any] | None:
        await self.wait_for(lambda: self.sockets)
        socket = self.sockets[self._turn % len(self.sockets)]
        self._turn += 1
        envelope = self.workspace.number("envelope-")
        waiting = self._acks[envelope] = asyncio.get_running_loop().create_future()
        frame = {"type": kind, "envelope_id": envelope, "payload": payload}
        frame["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            frame |= {"retry_attempt": attempt, "retry_reason": "timeout" if attempt else ""}
        try:
            await socket.send_json(frame)
            return await asyncio.wait_for(waiting, self.ack_s)
        except (TimeoutError, ConnectionError):
            return None
        finally:
            del self._acks[envelope]

    async def _by_http(self, kind: str, payload: dict[str, Any], attempt: int) -> dict[str, Any] | None:
        body, content = _http_body(kind, payload)
        stamp = str(int(self.workspace.clock()))
        digest = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": content, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
        if attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": "http_timeout"}
        timeout = aiohttp.ClientTimeout(total=self.ack_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self.request_url, data=body, headers=headers) as answer,
            ):
                text = await answer.text()
                if answer.status >= 300:
                    return None
                return json.loads(text) if text.startswith("{") else {"text": text} if text else {}
        except (TimeoutError, aiohttp.ClientError):
            return None

    # ------------------------------------------------------------ control of a server in another process

    async def _control(self, request: web.Request) -> web.Response:
        """POST the keyword arguments of command, say, click, submit, event, edit, delete, fail or refresh."""
        act = request.match_info["act"]
        if act not in {"command", "say", "click", "submit", "event", "edit", "delete", "open_home", "fail", "refresh"}:
            return web.json_response({"error": f"no act {act}"}, status=404)
        arguments = await request.json() if request.can_read_body else {}
        done = getattr(self, act)(**arguments)
        answer = await done if asyncio.iscoroutine(done) else None
        return web.json_response({"answer": answer})

    async def _state(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        w = self.workspace
        known = {"calls": w.calls, "views": w.views, "homes": w.homes, "ephemerals": w.ephemerals}
        known["sockets"] = len(self.sockets)  # type: ignore[assignment]
        if what in w.channels:
            return web.json_response(w.channels[what].messages)
        return web.json_response(known[what]) if what in known else web.json_response({}, status=404)


def _respond(workspace: Workspace, place: ResponseUrl, body: Mapping[str, Any]) -> None:
    old = [message for message in workspace.ephemerals if message["ts"] == place.message_ts]
    if body.get("delete_original") or body.get("replace_original"):
        workspace.ephemerals[:] = [message for message in workspace.ephemerals if message not in old]
    if body.get("delete_original"):
        return
    if body.get("response_type", "ephemeral") == "in_channel":
        workspace.channels[place.channel].messages.append(new_message(workspace, body))
    else:
        shown = new_message(workspace, body, channel=place.channel, to=place.user, is_ephemeral=True)
        workspace.ephemerals.append(shown)


def _faulty(request: web.Request, fault: Fault) -> web.Response | None:
    if fault.lose == "before":
        _drop(request)
    if fault.retry_after_s is not None:
        headers = {"Retry-After": str(fault.retry_after_s)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
    if fault.page:
        return web.Response(text="<html>Bad gateway</html>", content_type="text/html", status=fault.status)
    if fault.error or fault.status != 200:
        return web.json_response({"ok": False, "error": fault.error or "internal_error"}, status=fault.status)
    return None


def _drop(request: web.Request) -> None:
    """Cut the connection under the caller's feet."""
    if request.transport:
        request.transport.abort()


def _http_body(kind: str, payload: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "events_api":
        return json.dumps(payload), "application/json"
    fields = dict(payload) if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(fields), "application/x-www-form-urlencoded"


async def _serve(port: int, request_url: str) -> None:
    async with SlackServer(port=port, request_url=request_url) as slack:
        print(slack.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A Slack on loopback; POST /_control/command and the like act in it.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--request-url", default="")
    options = parser.parse_args()
    asyncio.run(_serve(options.port, options.request_url))

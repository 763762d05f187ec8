"""A Slack workspace on this machine, in the browser: the local-slack program, its people, and a driver."""

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from bot.demo.cache import local_slack_program
from bot.demo.keeper import relaying
from bot.demo.process import free_port, kept, own_network, until_ready
from bot.demo.tiny_model import answers
from patterns.core.errors import UserError

BOT_TOKEN = "xoxb-local"  # noqa: S105 - local-slack takes any
APP_TOKEN = "xapp-local"  # noqa: S105 - same
SIGNING_SECRET = "local"  # noqa: S105 - same
TEAM, APP, BOT = "T0LOCAL", "A0AGENTS", "U0AGENTS"
ADA, DANA = "U0ADA", "U0DANA"
"""Ada asks; Dana administers budgets."""
TRY_IT, TOUR, GENERAL, ADAS_DM = "C0TRYIT", "C0TOUR", "C0GENERAL", "D0ADA"
START_TIMEOUT_S = 30
WORKSPACE: dict[str, Any] = {
    "workspace": {"name": "Agents at home", "domain": "agents-at-home", "teamId": TEAM},
    "app": {
        "appId": APP,
        "botUserId": BOT,
        "botName": "agents",
        "botToken": BOT_TOKEN,
        "appToken": APP_TOKEN,
        "signingSecret": SIGNING_SECRET,
        "mode": "socket",
    },
    "users": [
        {"id": ADA, "name": "Ada", "real_name": "Ada", "email": "ada@example.com", "tz": "UTC"},
        {"id": DANA, "name": "Dana", "real_name": "Dana", "email": "dana@example.com", "tz": "UTC"},
    ],
    "channels": [
        {"id": TOUR, "name": "tour", "topic": "Scripted: no AI runs here, play money", "members": [ADA, DANA, BOT]},
        {"id": TRY_IT, "name": "try-it", "topic": "Type /agents and a request", "members": [ADA, DANA, BOT]},
        {"id": GENERAL, "name": "general", "members": [ADA, DANA, BOT]},
        {"id": ADAS_DM, "name": "ada", "is_im": True, "members": [ADA, BOT]},
    ],
}


class LocalSlack:
    """The workspace at `url`, while the block runs. `folder` gets its log.

    local-slack listens on every interface. Where the system allows it, it runs in a network namespace of its own,
    reached only through a relay on 127.0.0.1; `is_isolated` says whether that worked.

    Raises on entering:
        UserError: the port is in use, or the program could not be downloaded or started.
    """

    def __init__(self, *, env: Mapping[str, str], folder: Path, port: int = 0, isolated: bool = True) -> None:
        self._env = env
        self._log = folder / "local-slack.log"
        self._wanted = port
        self._stack = AsyncExitStack()
        self.is_isolated = isolated
        self.port = 0

    @property
    def url(self) -> str:
        """Return the address of the page, for a browser."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """Return the address of the Web API, for SLACK_API_URL."""
        return f"{self.url}/api/"

    async def __aenter__(self) -> Self:
        program = await local_slack_program(self._env)
        inside = await own_network(self._env) if self.is_isolated else ()
        self.is_isolated = bool(inside)
        async with AsyncExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="local-slack-")))
            config = scratch / "workspace.yml"
            config.write_text(yaml.safe_dump(WORKSPACE, sort_keys=False))
            door = scratch / "door"
            self.port = await self._listen(stack, door) if inside else free_port(self._wanted)
            command = [str(program), "--config", str(config), "--port", str(self.port), "--base-host", "127.0.0.1"]
            opened = (door, self.port) if inside else None
            process = await stack.enter_async_context(
                kept(command, log=self._log, env=self._env, inside=inside, door=opened)
            )
            self._http = await stack.enter_async_context(aiohttp.ClientSession(f"{self.url}/_control/"))
            await until_ready(
                process,
                lambda: answers(self._http, "state"),
                name="local-slack",
                log=self._log,
                wait_s=START_TIMEOUT_S,
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def command(self, text: str, *, channel: str = TRY_IT, user: str = ADA, command: str = "/agents") -> None:
        """Type a slash command; return when the bot has acknowledged it."""
        await self._post("command", {"channel": channel, "user": user, "command": command, "text": text})

    async def message(
        self, text: str, *, channel: str = TRY_IT, user: str = ADA, thread_ts: str | None = None
    ) -> dict[str, Any]:
        """Post a message as a person; return Slack's response."""
        body = {"channel": channel, "user": user, "text": text}
        if thread_ts is not None:
            body["thread_ts"] = thread_ts
        return dict((await self._post("message", body))["message"])

    async def upload(self, files: Mapping[str, bytes], text: str, *, channel: str = TRY_IT, user: str = ADA) -> None:
        """Post a message with files as a person; `@agents` in it is a mention."""
        form = aiohttp.FormData()
        for name, value in (("channel", channel), ("user", user), ("text", text.replace("@agents", f"<@{BOT}>"))):
            form.add_field(name, value)
        for name, data in files.items():
            form.add_field("file", data, filename=name)
        async with self._http.post("upload", data=form, raise_for_status=True):
            pass

    async def click(self, message: Mapping[str, Any], action_id: str, *, user: str = ADA) -> None:
        """Press a button of a message.

        Raises:
            KeyError: the message has no such button.
        """
        for block in message.get("blocks") or ():
            for element in (*block.get("elements", ()), block.get("accessory") or {}):
                if element.get("action_id") == action_id:
                    action = {key: element[key] for key in ("type", "action_id", "value") if key in element}
                    action["block_id"] = block.get("block_id", "")
                    where = {"channel": message["channel"], "messageTs": message["ts"]}
                    await self._post("interact", {**where, "user": user, "action": action})
                    return
        raise KeyError(action_id)

    async def messages(self, channel: str = TRY_IT) -> list[dict[str, Any]]:
        """Return everything in a channel, threads and private messages included, oldest first."""
        async with self._http.get(f"messages/{channel}", raise_for_status=True) as reply:
            return list((await reply.json())["messages"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(path, json=body, raise_for_status=True) as reply:
            return dict(await reply.json())

    async def _listen(self, stack: AsyncExitStack, door: Path) -> int:
        """Open the only way in and return its port: a relay on loopback to the program's namespace."""
        inwards = relaying(
            lambda accept: asyncio.start_server(accept, "127.0.0.1", self._wanted),
            lambda: asyncio.open_unix_connection(str(door)),
        )
        try:
            server = await stack.enter_async_context(inwards)
        except OSError:
            raise UserError(f"Port {self._wanted} is in use. Pass another with --port.") from None
        return int(server.sockets[0].getsockname()[1])

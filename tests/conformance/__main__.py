"""`python -m tests.conformance`: MCP's own suite, with our connection as its client, and our two servers.

Prints each scenario of the client, as what we ship does it and with a person's login put in, and the numbers; then
those scenarios of the server that need no tools or resources of the suite's own.
"""

import asyncio
import os
import re
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from bot.mcp_server.http import McpPage
from bot.mcp_tokens import Grantee
from tests.conformance.bridge import bridged
from tests.support.node import program
from tests.support.shells import COMMAND, PROJECT, Shell

SIDE_BY_SIDE = 2
WAYS = {"as shipped": {}, "with a person's login": {"AGENTS_CONFORMANCE_LOGIN": "1"}}


async def run(*args: str, **env: str) -> tuple[int, str]:
    """The suite with arguments: its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        *program("conformance"), *args, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT), **env},
        stdout=PIPE, stderr=STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def scenarios() -> list[str]:
    """The client's scenarios of the suite."""
    _, said = await run("list", "--client")
    return re.findall(r"^  - (\S+)", said.partition("Client scenarios")[2], re.MULTILINE)


async def played(scenario: str, env: dict[str, str]) -> tuple[bool, str]:
    """Whether a scenario passes without a failure or a warning, and its failed checks."""
    command = f"{sys.executable} -m tests.conformance.client"
    code, said = await run("client", "--command", command, "--scenario", scenario, "--timeout", "30000", **env)
    wrong = re.findall(r'"(?:description|name)": "([^"]+)",\s*"status": "(?:FAILURE|WARNING)"', said)
    return code == 0 and not wrong, "; ".join(dict.fromkeys(wrong)) or said.strip().splitlines()[-1][:120]


def _errors(said: str) -> str:
    return "; ".join(re.findall(r"^ +Error: (.+)", said, re.MULTILINE))[:200]


SERVED = ("server-initialize", "ping", "tools-list", "server-sse-multiple-streams", "dns-rebinding-protection")


async def serve() -> None:
    """Play the server's scenarios against `/mcp`; what comes gets a token, which the suite knows nothing of."""
    token = "token-of-the-suite-0123456789"
    page = McpPage([Grantee(SecretStr(token), "T1", "C1", "U1")], lambda _: None)  # type: ignore[arg-type,return-value]

    async def with_token(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*scope.get("headers", ()), (b"authorization", f"Bearer {token}".encode())]
        await page({**scope, "headers": headers}, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(with_token, log_level="error", lifespan="off"))
    async with page.running():
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        ended = [await run("server", "--url", url, "--scenario", name) for name in SERVED]
        server.should_exit = True
        await serving
    _print("/mcp", SERVED, ended)


ON_STREAMS = ("server-initialize", "ping", "tools-list")
"""Those of them that are not about HTTP itself."""


async def serve_on_streams() -> None:
    """Play the server's scenarios against `agents mcp`, each against a process of its own."""
    ended = []
    for name in ON_STREAMS:
        with tempfile.TemporaryDirectory() as folder:
            shell = Shell(Path(folder), "http://127.0.0.1:9")  # no scenario asks a model
            async with bridged([*COMMAND, "mcp", "--channel", "suite"], shell.env) as url:
                ended.append(await run("server", "--url", url, "--scenario", name))
    _print("agents mcp", ON_STREAMS, ended)


def _print(what: str, names: Sequence[str], ended: Sequence[tuple[int, str]]) -> None:
    print(f"{what}: {sum(code == 0 for code, _ in ended)} of {len(names)}")
    for name, (code, said) in zip(names, ended, strict=True):
        print(f"  {'passes' if code == 0 else 'fails '} {name}{'' if code == 0 else f': {_errors(said)}'}")


async def main(only: str = "") -> None:
    """Play them all, or those of our servers only (`servers`)."""
    if only == "servers":
        await serve()
        await serve_on_streams()
        return
    names, gate = await scenarios(), asyncio.Semaphore(SIDE_BY_SIDE)
    for way, env in WAYS.items():

        async def one(name: str, env: dict[str, str] = env) -> tuple[bool, str]:
            async with gate:
                return await played(name, env)

        ended = await asyncio.gather(*map(one, names))
        print(f"{way}: {sum(passed for passed, _ in ended)} of {len(names)}")
        for name, (passed, why) in zip(names, ended, strict=True):
            print(f"  {'passes' if passed else 'fails '} {name}{'' if passed else f': {why}'}")

    await serve()
    await serve_on_streams()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))

"""A client of others, MCP's inspector on the command line, asks through us: the right budget pays, once."""

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from bot.manifest import EVENTS_PATH
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import ANSWER, Team
from tests.integration.test_mcp_server import LEE, TOKENS, TOOLS
from tests.support.node import program
from tests.support.shells import COMMAND, Shell
from tests.support.signed import hearing

ASK = (
    "--method",
    "tools/call",
    "--tool-name",
    "ask",
    "--tool-arg",
    "request=SQLite or PostgreSQL?",
    "flow=answer",
    "wait_s=60",
    "request_id=one",
)


NODE, LAUNCHER = program("mcp-inspector")
BY_ADDRESS = str(Path(LAUNCHER).resolve().with_name("index.js"))
"""What the launcher starts: for itself it takes no address."""


async def inspect(folder: Path, *args: str, starts: bool) -> Any:
    """What the inspector prints for one method of a server, as JSON."""
    process = await asyncio.create_subprocess_exec(
        NODE, *((LAUNCHER, "--cli") if starts else (BY_ADDRESS,)), *args,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def of_our_own(shell: Shell, folder: Path, *args: str) -> Any:
    """The same of `agents mcp`, started as docs/mcp.md has it in a client's file."""
    entry = {"command": COMMAND[0], "args": [*COMMAND[1:], "mcp", "--channel", "inspector"], "env": shell.env}
    config = folder / "inspector.json"
    config.write_text(json.dumps({"mcpServers": {"agents": entry}}), "utf-8")
    return await inspect(folder, "--config", str(config), "--server", "agents", *args, starts=True)


def answered(result: Any) -> dict[str, Any]:
    status: dict[str, Any] = result["structuredContent"]
    return status


async def test_the_inspector_asks_over_standard_streams_and_its_channel_pays(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        listed = await of_our_own(shell, tmp_path, "--method", "tools/list")
        status = answered(await of_our_own(shell, tmp_path, *ASK))
        again = answered(await of_our_own(shell, tmp_path, *ASK))
        balance = answered(await of_our_own(shell, tmp_path, "--method", "tools/call", "--tool-name", "balance"))
        verified = await shell.run("verify")
    assert {tool["name"] for tool in listed["tools"]} == TOOLS
    assert (status["state"], again["run_id"]) == ("answered", status["run_id"])
    assert ANSWER in status["answer"]
    assert shell.sql("SELECT DISTINCT channel FROM run") == [("inspector",)]
    assert shell.sql("SELECT COUNT(*) FROM run") == [(1,)]
    paid = shell.sql("SELECT settled_nusd FROM account WHERE kind = 'channel' AND key LIKE '%inspector%'")
    assert paid[0][0] == round(status["cost_usd"] * 1e9) > 0
    assert balance["spent_usd"] == status["cost_usd"]
    assert verified.code == 0


async def test_the_inspector_asks_over_http_as_the_person_of_its_token(
    slack: SlackServer, provider: Provider, tmp_path: Path
) -> None:
    async with hearing(slack, provider, tmp_path, AGENTS_MCP_TOKENS=TOKENS) as house:
        url = slack.request_url.replace(EVENTS_PATH, "/mcp")
        at = (url, "--transport", "http", "--header", f"Authorization: Bearer {LEE}")
        status = answered(await inspect(tmp_path, *at, *ASK, starts=False))
        assert status["state"] == "answered"
        whose = house.ledger_text("SELECT channel || '/' || user_id FROM run")
        spent = house.ledger("SELECT settled_nusd FROM account WHERE kind = 'channel' AND key LIKE '%C0PLATFORM%'")
    assert whose == "C0PLATFORM/U0LEE"
    assert spent == round(status["cost_usd"] * 1e9) > 0

"""What `agents doctor` says of a bot on the same machine, by what its `/readyz` answers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.cli.doctor_process import process_findings
from bot.cli.findings import Finding
from bot.settings import read_settings

WELL: dict[str, Any] = {"ok": True, "database": True, "leases": True, "slack": True, "oldest_wait_s": 3}


class Page:
    """A page on loopback that answers what a test sets."""

    def __init__(self) -> None:
        self.said: Any = WELL
        self.port = 0

    async def answer(self, _: web.Request) -> web.Response:
        return web.json_response(self.said, status=200 if self.said.get("ok") else 503)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    page, app = Page(), web.Application()
    app.router.add_get("/readyz", page.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    page.port = runner.addresses[0][1]
    yield page
    await runner.cleanup()


async def found(port: int | None, folder: Path, name: str = "HEALTH_PORT") -> list[Finding]:
    env = {"HOME": str(folder), **({} if port is None else {name: str(port)})}
    async with aiohttp.ClientSession() as session:
        return [one async for one in process_findings(read_settings(env), session)]


@pytest.mark.parametrize("name", ["PORT", "HEALTH_PORT"])
async def test_a_bot_that_is_well_is_ready(page: Page, tmp_path: Path, name: str) -> None:
    [one] = await found(page.port, tmp_path, name)
    assert (one.level, one.text) == ("ok", f"the bot on port {page.port} runs and is ready.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ok": False, "database": False}, "its database does not answer"),
        ({"ok": False, "leases": False}, "it cannot renew the leases of its runs"),
        ({"ok": False, "socket": False}, "it has no connection to Slack"),
        ({"slack": False}, "Slack's API does not answer it"),
        ({"oldest_wait_s": 90}, "a request has waited 90 s for a process"),
        (
            {"providers_failing": {"openai": "14:02 UTC"}},
            "openai has been failing since 14:02 UTC and is left alone",
        ),
    ],
)
async def test_what_is_wrong_is_named(page: Page, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    page.said = {**WELL, **change}
    [one] = await found(page.port, tmp_path)
    assert (one.level, one.text) == ("warn", f"the bot on port {page.port} runs, but {said}.")


async def test_without_a_port_nobody_is_asked_and_an_empty_port_is_no_fault(page: Page, tmp_path: Path) -> None:
    assert await found(None, tmp_path) == []
    page.said = {"hello": "world"}
    [other] = await found(page.port, tmp_path)
    [nobody] = await found(1, tmp_path)
    assert [other.level, nobody.level] == ["warn", "ok"]

"""A local Slack and a browser for each test, both gone with it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from bot.demo.local_slack import LocalSlack
from tests.support import chromium

SIZE = {"width": 1440, "height": 960}


@pytest.fixture
async def local_slack(tmp_path: Path) -> AsyncIterator[LocalSlack]:
    async with LocalSlack(env=os.environ, folder=tmp_path) as slack:
        yield slack


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page that fails the test when a script of it fails."""
    failures: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        page = await browser.new_page(viewport=SIZE)
        page.on("pageerror", lambda error: failures.append(str(error)))
        yield page
        await browser.close()
    assert failures == []

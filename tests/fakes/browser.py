"""Somebody's browser on the way through an install: the link, Slack's page, and back."""

from dataclasses import dataclass
from http.cookies import SimpleCookie

import aiohttp

from bot.manifest import INSTALL_PATH, REDIRECT_PATH
from tests.fakes.slack_installs import Tokens
from tests.fakes.slack_state import Workspace


@dataclass(frozen=True)
class Browser:
    """`url` is the deployment's address; `back_url` that of the process which Slack's answer reaches."""

    url: str
    tokens: Tokens
    back_url: str = ""

    async def begin(self) -> tuple[str, str]:
        """Open the install link; Slack's address with the state, and the cookie."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url + INSTALL_PATH, allow_redirects=False) as answer,
        ):
            assert answer.status == 302, await answer.text()
            cookie = next(iter(SimpleCookie(answer.headers["Set-Cookie"]).items()))
            return answer.headers["Location"], f"{cookie[0]}={cookie[1].value}"

    async def come_back(self, query: dict[str, str], cookie: str) -> tuple[int, str]:
        """What it shows after Slack's page."""
        async with (
            aiohttp.ClientSession(headers={"Cookie": cookie}) as session,
            session.get((self.back_url or self.url) + REDIRECT_PATH, params=query) as answer,
        ):
            return answer.status, await answer.text()

    async def install(self, *workspaces: Workspace, user: str = "U0DANA", is_org_wide: bool = False) -> str:
        """All of it; the page at the end."""
        address, cookie = await self.begin()
        query = self.tokens.allow(address, *workspaces, user=user, is_org_wide=is_org_wide)
        status, page = await self.come_back(query, cookie)
        assert status == 200, page
        return page

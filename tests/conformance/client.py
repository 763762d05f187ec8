"""Our connection to servers as the client of MCP's conformance suite, which starts this file for each scenario.

`python -m tests.conformance.client URL`, with the scenario in `MCP_CONFORMANCE_SCENARIO`. What we ship logs in by
client credentials only. With `AGENTS_CONFORMANCE_LOGIN=1` a person who always agrees is put in its place, to see that
our connection carries the SDK's other logins too.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.oauth2 import AuthorizationCodeResult
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

from patterns.roster.tool_schema import McpEntry, ToolServer
from patterns.tools.mcp import transports
from patterns.tools.mcp.servers import ToolServers

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "tools_call": ("add_numbers", {"a": 5, "b": 3}),
    "sse-retry": ("test_reconnection", {}),
    "elicitation-sep1034-client-defaults": ("test_client_elicitation_defaults", {}),
}
"""What a scenario wants to be called; those of logins have `test-tool`."""
LOGGED_IN = ("test-tool", {})
TIMEOUT_S = 25.0


async def main(url: str) -> None:
    """Connect, list the tools, and call the one that the scenario is about."""
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    given = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    env = {"ID": given.get("client_id", ""), "SECRET": given.get("client_secret", "")}
    oauth = {"client_id_env": "ID", "client_secret_env": "SECRET"} if all(env.values()) else None
    if os.environ.get("AGENTS_CONFORMANCE_LOGIN") and (oauth is None or "credentials" not in scenario):
        transports._credentials = lambda *_: agreeing(url, given)  # type: ignore[assignment]
        oauth = {"client_id_env": "ID", "client_secret_env": "SECRET"}
    tool, arguments = CALLS.get(scenario, LOGGED_IN)
    entry = ToolServer(mcp=McpEntry.model_validate({"url": url, "oauth": oauth}), allow=(tool,))
    with tempfile.TemporaryDirectory() as folder:
        servers = ToolServers(env, Path(folder))
        box = servers.toolbox({"peer": entry})
        try:
            listed = await box.listed("peer")
            if tool in listed:
                await box.call(f"peer.{tool}", arguments, key="k", timeout_s=TIMEOUT_S)
        finally:
            await servers.close()


def agreeing(url: str, given: dict[str, Any]) -> Any:
    """The SDK's login of a person, who agrees to everything at once."""
    came: dict[str, list[str]] = {}
    back = "http://localhost:3030/callback"

    async def redirect(address: str) -> None:
        async with httpx2.AsyncClient() as browser:
            answer = await browser.get(address, follow_redirects=False)
        came.update(parse_qs(urlsplit(answer.headers["location"]).query))

    async def callback() -> AuthorizationCodeResult:
        told = {name: came[name][0] for name in ("code", "state", "iss") if name in came}
        return AuthorizationCodeResult(**told)

    tokens = transports._Tokens()
    if given.get("client_id"):
        tokens._client = OAuthClientInformationFull(
            client_id=given["client_id"], client_secret=given.get("client_secret"), redirect_uris=[back],
            token_endpoint_auth_method="client_secret_basic" if given.get("client_secret") else "none",
        )  # fmt: skip
    metadata = OAuthClientMetadata(
        client_name="agents-for-slack", redirect_uris=[back], grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
    )  # fmt: skip
    about = "https://conformance-test.local/client-metadata.json"
    return OAuthClientProvider(url, metadata, tokens, redirect, callback, client_metadata_url=about)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))

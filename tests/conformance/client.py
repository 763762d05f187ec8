"""Our connection to servers as the client of MCP's conformance suite, which starts this file for each scenario.

`python -m tests.conformance.client URL`, with the scenario in `MCP_CONFORMANCE_SCENARIO`. What we ship logs in by
client credentials only. With `AGENTS_CONFORMANCE_LOGIN=1` the SDK's other logins take its place, by the port that ours
has (`ToolServers.login`): a person who always agrees, and an employee whose company vouches for them.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.auth.oauth2 import AuthorizationCodeResult
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

from patterns.core.forms import FormAnswer, FormAnswers
from patterns.roster.mcp_schema import McpEntry, OAuthEntry
from patterns.roster.tool_schema import ToolServer
from patterns.tools.forms import fields_of
from patterns.tools.mcp.logins import Tokens
from patterns.tools.mcp.secrets import Secrets
from patterns.tools.mcp.servers import ToolServers

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "tools_call": ("add_numbers", {"a": 5, "b": 3}),
    "sse-retry": ("test_reconnection", {}),
    "elicitation-sep1034-client-defaults": ("test_client_elicitation_defaults", {}),
}
"""What a scenario wants to be called; those of logins have `test-tool`."""
LOGGED_IN = ("test-tool", {})
TIMEOUT_S = 25.0
BY_CREDENTIALS = {"client_id_env": "ID", "client_secret_env": "SECRET"}
BY_KEY = {"client_id_env": "ID", "private_key_env": "KEY"}


async def main(url: str) -> None:
    """Connect, list the tools, and call the one that the scenario is about."""
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    given = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    env = {
        "ID": given.get("client_id", ""), "SECRET": given.get("client_secret", ""),
        "KEY": given.get("private_key_pem", ""),
    }  # fmt: skip
    oauth = BY_KEY if env["KEY"] else BY_CREDENTIALS if env["SECRET"] else None
    logins = {}
    if os.environ.get("AGENTS_CONFORMANCE_LOGIN") and "client-credentials" not in scenario:

        def other(url: str, _entry: OAuthEntry, _env: Mapping[str, str], secrets: Secrets) -> httpx2.Auth:
            return vouched(url, given, secrets) if "idp_id_token" in given else agreeing(url, given, secrets)

        logins, oauth = {"login": other}, BY_CREDENTIALS
    tool, arguments = CALLS.get(scenario, LOGGED_IN)
    entry = ToolServer(mcp=McpEntry.model_validate({"url": url, "oauth": oauth}), allow=(tool,))
    with tempfile.TemporaryDirectory() as folder:
        servers = ToolServers(env, Path(folder), **logins)
        box = servers.toolbox({"peer": entry})
        try:
            listed = await box.listed("peer")
            if tool in listed:
                asked = await box.call(f"peer.{tool}", arguments, key="k", timeout_s=TIMEOUT_S, answers=FormAnswers())
                if asked.form is not None:  # what a person does who takes every default
                    values = {field.name: field.default for field in fields_of(asked.form) if field.default is not None}
                    answer = FormAnswer(action="accept", values=values)
                    answers = FormAnswers({asked.form.key: answer})
                    await box.call(f"peer.{tool}", arguments, key="k", timeout_s=TIMEOUT_S, answers=answers)
        finally:
            await servers.close()


def agreeing(url: str, given: dict[str, Any], secrets: Secrets) -> httpx2.Auth:
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

    registered = None
    if given.get("client_id"):
        registered = OAuthClientInformationFull(
            client_id=given["client_id"], client_secret=given.get("client_secret"), redirect_uris=[back],
            token_endpoint_auth_method="client_secret_basic" if given.get("client_secret") else "none",
        )  # fmt: skip
    metadata = OAuthClientMetadata(
        client_name="agents-for-slack", redirect_uris=[back], grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
    )  # fmt: skip
    about = "https://conformance-test.local/client-metadata.json"
    return OAuthClientProvider(
        url, metadata, Tokens(secrets, registered), redirect, callback, client_metadata_url=about
    )


def vouched(url: str, given: dict[str, Any], secrets: Secrets) -> httpx2.Auth:
    """The SDK's login by the word of a company's identity provider, which is asked for it first (RFC 8693)."""
    about = httpx2.get(str(httpx2.URL(url).join("/.well-known/oauth-protected-resource")))
    if about.status_code != 200:
        about = httpx2.get(str(httpx2.URL(url).join("/.well-known/oauth-protected-resource/mcp")))

    async def asserted(audience: str, resource: str) -> str:
        async with httpx2.AsyncClient() as client:
            answer = await client.post(
                given["idp_token_endpoint"],
                data={
                    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                    "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
                    "subject_token": given["idp_id_token"],
                    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
                    "audience": audience, "resource": resource, "client_id": given["idp_client_id"],
                },
            )  # fmt: skip
        return str(answer.json()["access_token"])

    return IdentityAssertionOAuthProvider(
        url, Tokens(secrets), given["client_id"], given["client_secret"], about.json()["authorization_servers"][0],
        asserted, token_endpoint_auth_method="client_secret_basic",
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))

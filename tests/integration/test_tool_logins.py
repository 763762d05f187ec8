"""Logins to tool servers by client credentials, at a real authorization server on loopback."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from patterns.core.tools import ToolError
from tests.fakes.authorized_tools import READ, WRITE, AuthorizedToolServer, authorization_server
from tests.integration.test_tool_servers import call, connected

SECRET = "the-secret-of-the-bot-0123456789"
BOT: Mapping[str, Any] = {"client_id": "bot", "client_secret": SECRET}


def entry(url: str, **oauth: str) -> dict[str, Any]:
    by = oauth if "private_key_env" in oauth else {"client_secret_env": "DESK_SECRET", **oauth}
    return {
        "mcp": {"url": url, "oauth": {"client_id_env": "DESK_CLIENT", **by}}, "allow": ["look", "act"],
        "read_only": ["look"],
    }  # fmt: skip


async def test_a_client_logs_in_by_its_secret_and_asks_for_more_when_told_to(tmp_path: Path) -> None:
    async with (
        authorization_server([BOT]) as issuer,
        AuthorizedToolServer(issuer=issuer) as desk,
        connected(tmp_path, {"desk": entry(desk.url)}, DESK_CLIENT="bot", DESK_SECRET=SECRET) as (box, _),
    ):
        looked = await call(box, "desk.look", what="tea")
        acted = await call(box, "desk.act", what="tea")
    assert (looked.is_error, acted.is_error) == (False, False)
    assert desk.did == ["look tea", "act tea "]
    scopes = [jwt.decode(token, options={"verify_signature": False})["scope"] for token in desk.tokens]
    assert scopes[0] == READ
    assert set(scopes[-1].split()) == {READ, WRITE}


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())])
async def test_a_client_logs_in_by_its_private_key(
    tmp_path: Path, key: RSAPrivateKey | EllipticCurvePrivateKey
) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    by_key = jwt.get_algorithm_by_name("RS256" if isinstance(key, RSAPrivateKey) else "ES256")
    public = json.loads(by_key.to_jwk(key.public_key()))
    client = {
        "client_id": "signer", "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [public]},
        "token_endpoint_auth_signing_alg": "RS256" if isinstance(key, RSAPrivateKey) else "ES256",
    }  # fmt: skip
    one_line = pem.replace("\n", "\\n")  # as a file of variables can hold it
    async with authorization_server([client]) as issuer, AuthorizedToolServer(issuer=issuer) as desk:
        way = entry(desk.url, private_key_env="DESK_KEY", issuer=issuer)
        async with connected(tmp_path, {"desk": way}, DESK_CLIENT="signer", DESK_KEY=one_line) as (box, _):
            assert not (await call(box, "desk.look", what="tea")).is_error
    assert desk.did == ["look tea"]


async def test_a_token_that_is_over_is_replaced_without_a_word(tmp_path: Path) -> None:
    async with (
        authorization_server([BOT], ttl_s=1) as issuer,
        AuthorizedToolServer(issuer=issuer) as desk,
        connected(tmp_path, {"desk": entry(desk.url)}, DESK_CLIENT="bot", DESK_SECRET=SECRET) as (box, _),
    ):
        await call(box, "desk.look", what="tea")
        until_s = jwt.decode(desk.tokens[-1], options={"verify_signature": False})["exp"]
        await asyncio.sleep(max(0.0, until_s - time.time()) + 0.1)
        await call(box, "desk.look", what="milk")
    assert desk.did == ["look tea", "look milk"]
    assert len(set(desk.tokens)) >= 2


async def test_a_wrong_secret_is_told_by_its_code_alone(tmp_path: Path) -> None:
    wrong = "not-the-secret-0123456789"
    async with (
        authorization_server([BOT]) as issuer,
        AuthorizedToolServer(issuer=issuer) as desk,
        connected(tmp_path, {"desk": entry(desk.url)}, DESK_CLIENT="bot", DESK_SECRET=wrong) as (box, own),
    ):
        with pytest.raises(ToolError, match=r"desk cannot be reached: logging in failed: HTTP 401, invalid_client\."):
            await box.listed("desk")
        assert wrong not in own.health["desk"]


@pytest.mark.parametrize(
    ("issuer_named", "goes_there"),
    [("", False), ("http://localhost:1", True)],
    ids=["no issuer is named", "that host is the issuer"],
)
async def test_a_server_cannot_have_our_secret_sent_to_somebody_else(
    tmp_path: Path, issuer_named: str, *, goes_there: bool
) -> None:
    """The server stands at 127.0.0.1, and says that one logs in at localhost."""
    named = {"issuer": issuer_named} if issuer_named else {}
    async with AuthorizedToolServer(issuer="http://127.0.0.1:1", says_where="http://localhost:1") as desk:
        way = entry(desk.url, **named)
        async with connected(tmp_path, {"desk": way}, DESK_CLIENT="bot", DESK_SECRET=SECRET) as (box, _):
            with pytest.raises(ToolError) as refused:
                await box.listed("desk")
    elsewhere = "its login is at localhost; where that is right, name it in the roster as issuer"
    assert (elsewhere not in str(refused.value)) is goes_there


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"DESK_CLIENT": "bot"}, "DESK_KEY is not set in the environment"),
        ({"DESK_CLIENT": "bot", "DESK_KEY": "no key at all"}, "private_key_env holds no private key in PEM"),
    ],
)
async def test_a_key_that_is_missing_or_none_is_told(tmp_path: Path, env: dict[str, str], why: str) -> None:
    way = entry("http://127.0.0.1:9/mcp", private_key_env="DESK_KEY")
    async with connected(tmp_path, {"desk": way}, **env) as (box, _):
        with pytest.raises(ToolError, match=why) as refused:
            await box.listed("desk")
    assert "no key at all" not in str(refused.value)

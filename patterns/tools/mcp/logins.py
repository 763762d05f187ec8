"""Logins to a tool server by OAuth: client credentials of a client that was registered beforehand.

Imported late, with the SDK. The server says itself where its login is, so a login goes only to the server's own host,
or to the issuer that the roster names: no server can have our secret sent to somebody else.
"""

import base64
import warnings
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import quote

import httpx2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from patterns.roster.mcp_schema import OAuthEntry
from patterns.tools.mcp.secrets import Secrets
from patterns.tools.mcp.variables import named_variables

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


def by_client_credentials(url: str, entry: OAuthEntry, env: Mapping[str, str], secrets: Secrets) -> httpx2.Auth:
    """Return the login of a client that was registered with the server beforehand, by its secret or its private key.

    Raises:
        LookupError: a variable that the roster names is not set.
        ValueError: the private key is none, or of a kind that signs nothing here.
    """
    tokens = Tokens(secrets)
    named = named_variables(
        tuple(one for one in (entry.client_id_env, entry.client_secret_env, entry.private_key_env) if one), env
    )
    client_id = named[entry.client_id_env]
    login: OAuthClientProvider
    with warnings.catch_warnings():
        # Without an issuer the SDK warns that the server chooses one; `OnlyThere` bounds that choice.
        warnings.simplefilter("ignore")
        if entry.private_key_env:
            key = named[entry.private_key_env].replace("\\n", "\n")
            secrets.keep(key)
            signed = SignedJWTParameters(
                issuer=client_id, subject=client_id, signing_key=key, signing_algorithm=algorithm(key)
            )
            login = PrivateKeyJWTOAuthProvider(
                url, tokens, client_id, signed.create_assertion_provider(), scope=entry.scope, issuer=entry.issuer
            )
        else:
            secret = named[entry.client_secret_env or ""]
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
            secrets.keep(secret, base64.b64encode(pair.encode()).decode())
            login = ClientCredentialsOAuthProvider(
                url, tokens, client_id, secret, scope=entry.scope, issuer=entry.issuer
            )
    return OnlyThere(login, url, entry.issuer)


def algorithm(key: str) -> str:
    """Return the algorithm that a private key in PEM signs with.

    Raises:
        ValueError: it is none, or of another kind; the message holds nothing of it.
    """
    try:
        loaded = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("private_key_env holds no private key in PEM without a password") from None
    if isinstance(loaded, RSAPrivateKey):
        return "RS256"
    if isinstance(loaded, Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(loaded, EllipticCurvePrivateKey) and loaded.curve.name in _CURVES:
        return _CURVES[loaded.curve.name]
    raise ValueError("private_key_env holds a key that is neither RSA, nor Ed25519, nor of a curve of NIST")


class OnlyThere(httpx2.Auth):
    """A login whose own requests go to the server's host and to the issuer's, and to no other, nor in the clear."""

    requires_response_body = True

    def __init__(self, login: httpx2.Auth, url: str, issuer: str | None) -> None:
        own = httpx2.URL(url)
        self._login = login
        self._hosts = {own.host: own.scheme}
        if issuer:
            named = httpx2.URL(issuer)
            self._hosts[named.host] = named.scheme

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Carry the login's flow, each of its own requests looked at first.

        Raises:
            OAuthFlowError: the server leads the login elsewhere.
        """
        flow = self._login.async_auth_flow(request)
        try:
            outgoing = await anext(flow)
            while True:
                if outgoing is not request:
                    self._check(outgoing.url)
                response = yield outgoing
                outgoing = await flow.asend(response)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()

    def _check(self, url: httpx2.URL) -> None:
        scheme = self._hosts.get(url.host)
        if scheme is None:
            raise OAuthFlowError(f"its login is at {url.host}; where that is right, name it in the roster as issuer")
        if scheme == "https" and url.scheme != "https":
            raise OAuthFlowError(f"its login at {url.host} is not encrypted")


class Tokens:
    """The tokens of one connection, in memory: a new process logs in anew."""

    def __init__(self, secrets: Secrets, client: OAuthClientInformationFull | None = None) -> None:
        self._secrets = secrets
        self._tokens: OAuthToken | None = None
        self._client = client

    async def get_tokens(self) -> Any:  # noqa: ANN401 - the SDK's storage
        """Return the tokens, None before the first login."""
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep the tokens of a login."""
        self._secrets.keep(tokens.access_token, tokens.refresh_token)
        self._tokens = tokens

    async def get_client_info(self) -> Any:  # noqa: ANN401 - as above
        """Return what is registered, None before the first login."""
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep what is registered."""
        self._secrets.keep(client_info.client_secret)
        self._client = client_info

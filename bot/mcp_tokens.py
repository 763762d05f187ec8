"""Who may ask over HTTP: each bearer token speaks for one person in one channel of one workspace."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from patterns.core.errors import UserError

TOKEN_CHARS_MIN = 20
HOW = "AGENTS_MCP_TOKENS: write TOKEN=T012ABCDEF/C012ABCDEF/U012ABCDEF, several separated by commas"


@dataclass(frozen=True, slots=True)
class Grantee:
    """For whom a token speaks, and where: the channel whose budget pays."""

    token: SecretStr
    workspace: str
    channel: str
    user: str


def read_tokens(text: str) -> tuple[Grantee, ...]:
    """Return the tokens of AGENTS_MCP_TOKENS.

    Raises:
        UserError: one is too short, or does not say for whom it speaks.
    """
    found = []
    for number, part in enumerate((part.strip() for part in text.split(",") if part.strip()), 1):
        token, _, place = part.rpartition("=")
        ids = place.split("/")
        if len(token) < TOKEN_CHARS_MIN:
            raise UserError(f"{HOW}. Token {number} has fewer than {TOKEN_CHARS_MIN} characters.")
        if len(ids) != 3 or not all(one.isalnum() for one in ids) or ids[0][0] not in "TE":  # noqa: PLR2004 - three ids
            raise UserError(f"{HOW}. Token {number} does not say for whom it speaks.")
        found.append(Grantee(SecretStr(token), *ids))
    if len({one.token.get_secret_value() for one in found}) < len(found):
        raise UserError(f"{HOW}. Two of them have the same token.")
    return tuple(found)


def grantee_of(authorization: str, grantees: Sequence[Grantee]) -> Grantee | None:
    """Return for whom an Authorization header speaks; every token is compared, in constant time."""
    scheme, _, given = authorization.partition(" ")
    found = None
    for one in grantees:
        if hmac.compare_digest(given.strip().encode(), one.token.get_secret_value().encode()):
            found = one
    return found if scheme.lower() == "bearer" else None

"""What a connection was given never shows in what its server says."""

import pytest

from patterns.tools.mcp.secrets import Secrets

PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7VJTU\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("you sent Bearer token-of-the-desk", "you sent Bearer [secret]"),
        ("token-of-the-desk-and-more", "[secret]"),
        ("key: AASCBKcwggSjAgEAAoIBAQC7VJTU", "key: [secret]"),
        ("a short word", "a short word"),
    ],
)
def test_secrets_are_masked_the_longest_first_and_line_by_line(said: str, shown: str) -> None:
    secrets = Secrets()
    secrets.keep("token-of-the-desk", "token-of-the-desk-and-more", PEM, "short", None, "")
    assert secrets.masked(said) == shown

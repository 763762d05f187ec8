"""Tokens of the MCP server: for whom each speaks, and what is none."""

import pytest

from bot.mcp_tokens import grantee_of, read_tokens
from patterns.core.errors import UserError

SECRET = "a-secret-of-20-characters="  # an equals sign belongs to it


def test_a_token_speaks_for_a_person_in_a_channel() -> None:
    [one] = read_tokens(f" {SECRET}=T1/C1/U1 , ")
    assert (one.workspace, one.channel, one.user, one.token.get_secret_value()) == ("T1", "C1", "U1", SECRET)


@pytest.mark.parametrize(
    ("authorization", "is_known"),
    [
        (f"Bearer {SECRET}", True),
        (f"bearer  {SECRET} ", True),
        (f"Basic {SECRET}", False),
        ("Bearer ", False),
        ("", False),
        (SECRET, False),
        ("Bearer ünknown", False),
    ],
)
def test_only_the_token_itself_is_known(authorization: str, is_known: bool) -> None:  # noqa: FBT001 - a table
    assert (grantee_of(authorization, read_tokens(f"{SECRET}=T1/C1/U1")) is not None) is is_known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("short=T1/C1/U1", "fewer than 20 characters"),
        (f"{SECRET}=T1/C1", "does not say for whom"),
        (f"{SECRET}=X1/C1/U1", "does not say for whom"),
        (f"{SECRET}=T1/C1/U 1", "does not say for whom"),
        (f"{SECRET}=T1/C1/U1,{SECRET}=T1/C1/U2", "have the same token"),
    ],
)
def test_what_is_no_token_is_refused_without_showing_it(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_tokens(text)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)

"""Resources of servers: the addresses that a request names, and whose they are."""

import pytest

from patterns.tools.resources import ADDRESS_CHARS, NAMED_MAX, Offers, resources_named, scheme_of, server_of

TICKETS = Offers(resources=(("tickets://123", "Ticket 123"),))
WIKI = Offers(templates=(("notes://{page}", "A page"), ("{odd}", "Anything")), resources=(("doc://a/b", "B"),))


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ("summarise it with tickets://123", ("tickets://123",)),
        ("With tickets://1, tickets://2 and notes://x: what differs?", ("tickets://1", "tickets://2", "notes://x")),
        ("compare with doc://a/b.", ("doc://a/b",)),
        ("with tickets://1 and again with tickets://1", ("tickets://1",)),
        ("work with https://example.com/x", ()),
        ("with file:///etc/passwd", ()),
        ("read tickets://123", ()),
        ("use decide with cost, sceptic: tea?", ()),
        ("with <https://evil.example|tickets://1>", ()),
        ("with " + ", ".join(f"t1://{n}" for n in range(9)), tuple(f"t1://{n}" for n in range(9))),
        ("with " + ", ".join(f"t1://{n}" for n in range(99)), tuple(f"t1://{n}" for n in range(NAMED_MAX))),
        ("with t1://" + "x" * 9_000, ("t1://" + "x" * (ADDRESS_CHARS - 4),)),
    ],
)
def test_the_addresses_behind_with_are_what_a_request_brings(request_: str, named: tuple[str, ...]) -> None:
    assert resources_named(request_) == named


@pytest.mark.parametrize(
    ("uri", "server"),
    [
        ("tickets://123", "tickets"),
        ("tickets://999", "tickets"),
        ("notes://x", "wiki"),
        ("doc://a/b", "wiki"),
        ("doc://a/c", ""),
        ("other://1", ""),
    ],
)
def test_an_address_belongs_to_the_server_of_its_scheme_or_to_one_that_says_so(uri: str, server: str) -> None:
    assert server_of(uri, {"tickets": TICKETS, "wiki": WIKI}) == server


@pytest.mark.parametrize(
    ("uri", "name", "offers", "is_one"),
    [
        ("tickets://9", "desk", TICKETS, True),
        ("NOTES://x", "wiki", WIKI, True),
        ("desk://9", "Desk", TICKETS, True),
        ("redis://localhost", "redis", Offers(prompts=("triage",)), False),
        ("redis://localhost", "redis", Offers(is_known=False), True),
        ("redis://localhost", "desk", Offers(is_known=False), False),
        ("redis://localhost", "wiki", WIKI, False),
    ],
)
def test_an_address_is_of_a_servers_kind_by_what_it_lists_and_by_its_name_where_it_lists_some(
    uri: str, name: str, offers: Offers, *, is_one: bool
) -> None:
    assert offers.is_kind_of(uri, name) == is_one
    if name.casefold() == scheme_of(uri):
        assert (server_of(uri, {name: offers}) == name) == is_one

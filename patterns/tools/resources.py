"""Resources of servers as values: what a server has besides tools, and which addresses a request names. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

RESOURCES_MAX = 5
"""Resources that one request brings."""
NAMED_MAX = 50
"""Addresses that are kept of one request: those that are too many are said."""
ADDRESS_CHARS = 500
_ADDRESS = r"(?!https?:|ftp:|mailto:|slack:|file:)[a-z][a-z0-9+.-]{1,30}://[^\s<>|\"'`,;]+"
_NAMED = re.compile(rf"\bwith\s+(?P<all>{_ADDRESS}(?:(?:\s*,\s*|\s+and\s+){_ADDRESS})*)", re.IGNORECASE)
_ONE = re.compile(_ADDRESS, re.IGNORECASE)
_TRAILING = ".:!?)"


@dataclass(frozen=True, slots=True)
class Offers:
    """What a server has besides tools: addresses and templates of them, each with its name, and names of prompts.

    `is_known` is false of a server that did not say it.
    """

    resources: tuple[tuple[str, str], ...] = ()
    templates: tuple[tuple[str, str], ...] = ()
    prompts: tuple[str, ...] = ()
    is_known: bool = True

    def has(self, uri: str) -> bool:
        """Return whether a server says that it has a resource, by its list or by the beginning of a template."""
        begins = (template.partition("{")[0] for template, _ in self.templates)
        return any(uri == one for one, _ in self.resources) or any(one and uri.startswith(one) for one in begins)

    def is_kind_of(self, uri: str, name: str) -> bool:
        """Return whether an address is of the kind of a server of that `name`, though it may have no such resource.

        It lists others of that scheme; or its name is the scheme, and it lists some or may have some.
        """
        scheme, listed = scheme_of(uri), [one for one, _ in (*self.resources, *self.templates)]
        is_called_so = name.casefold() == scheme and (bool(listed) or not self.is_known)
        return is_called_so or any(scheme_of(one) == scheme for one in listed)


def scheme_of(uri: str) -> str:
    """Return what stands before `://`, as it is compared."""
    return uri.partition("://")[0].casefold()


def resources_named(request: str) -> tuple[str, ...]:
    """Return the addresses of a request like `summarise it with tickets://123`, each once.

    Pages of the web and files are none: nothing but a tool server reads these. One that is too long comes cut, by
    a character too long still.
    """
    found = (one[0].rstrip(_TRAILING) for match in _NAMED.finditer(request) for one in _ONE.finditer(match["all"]))
    return tuple(dict.fromkeys(one[: ADDRESS_CHARS + 1] for one in found))[:NAMED_MAX]


def server_of(uri: str, offers: Mapping[str, Offers]) -> str:
    """Return the server that has a resource: the one of its scheme's name, else one that says so; empty for none.

    One that lists nothing has nothing, whatever its name is.
    """
    scheme = scheme_of(uri)
    named = next((name for name, one in offers.items() if name.casefold() == scheme and one.is_kind_of(uri, name)), "")
    return named or next((name for name, one in offers.items() if one.has(uri)), "")

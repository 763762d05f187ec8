"""Web search at a model's provider as values: what a request allows, and what a reply says was read. Untrusted."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from patterns.core.invisible import without_invisible
from patterns.core.text import storable
from patterns.core.tools import Source

SEARCHES_MAX = 10
"""As many as a roster can allow in one call: Anthropic's own loop pauses there."""
SOURCES_MAX = 50
TITLE_CHARS_MAX = 200
_URL_CHARS_MAX = 2_000
_ADDRESS = re.compile(r"https?://[^\s<>|\"'`\\\]{}\x00-\x20]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WebSearch:
    """What a request allows: so many searches, each bringing back so many tokens at most.

    `price_nusd` is the roster's price of one search; None means the one of the price map.
    """

    searches_max: int
    result_tokens_max: int
    price_nusd: int | None = None


@dataclass(frozen=True, slots=True)
class WebFindings:
    """What a reply says of its searches: what was looked for, what is cited, what was read, and what failed.

    `searches` is how many the bill counts. Every address is one of http or https.
    """

    searches: int = 0
    queries: tuple[str, ...] = ()
    cited: tuple[Source, ...] = ()
    read: tuple[Source, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return what the answer was made from: what it cites, else what was read."""
        return self.cited or self.read


def web_sources(found: Iterable[tuple[object, object]]) -> tuple[Source, ...]:
    """Return addresses with their titles as sources, each address once; what is no address of the web is left out."""
    sources: dict[str, Source] = {}
    for url, title in found:
        if len(sources) < SOURCES_MAX and isinstance(url, str) and is_web_address(url):
            name = words(title, TITLE_CHARS_MAX) or url
            sources.setdefault(url, Source(title=name, url=url))
    return tuple(sources.values())


def is_web_address(url: str) -> bool:
    """Return whether a text is one whole address of http or https with a host, and nobody's login in it."""
    if len(url) > _URL_CHARS_MAX or not _ADDRESS.fullmatch(url) or without_invisible(url) != url:
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def words(text: object, chars_max: int) -> str:
    """Return what a provider calls something as one short line."""
    line = " ".join(without_invisible(storable(text)).split()) if isinstance(text, str) else ""
    return line if len(line) <= chars_max else f"{line[:chars_max]}…"


def queries(found: Sequence[object]) -> tuple[str, ...]:
    """Return what was looked for, each once."""
    return tuple(dict.fromkeys(filter(None, (words(one, TITLE_CHARS_MAX) for one in found))))[:SOURCES_MAX]

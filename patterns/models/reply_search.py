"""The searches of one reply while it comes in: how many the bill counts, what was looked for, read and cited. Pure.

Three ways to count, as providers bill: Anthropic tells a number with the usage, OpenAI shows every search as an item of
its reply, Gemini lists its queries. What is told wrongly or not at all, although there was a search, counts in full.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from patterns.core.web_search import WebFindings, queries, web_sources, words
from patterns.models.parts import CallPiece, SearchPiece
from patterns.models.told import Told, number

_SEARCHES_ABSURD = 1_000
"""A larger count is none: no reply searches so often, and a mistake in it would empty a month's budget."""
Unit = Literal["told", "items", "queries", "prompt"]
"""How a provider bills searches: by the number it tells, by item, by query, or once for a prompt that searched."""
_ERROR_CHARS_MAX = 60
_PIECES_MAX = 2_000
"""Of one reply; what comes after them is no source any more, and is counted all the same."""


@dataclass(frozen=True, slots=True)
class Searching:
    """What a request allowed: so many searches, billed by a unit. Without any, a reply's searches are not read."""

    searches_max: int = 0
    unit: Unit = "told"


class ReplySearch:
    """Collects the searches of a reply; `searching` is what its request allowed."""

    def __init__(self, searching: Searching) -> None:
        self._searching = searching
        self._inputs: dict[object, list[str]] = {}
        self._read: list[tuple[object, object]] = []
        self._cited: list[tuple[object, object]] = []
        self._queries: list[object] = []
        self._listed: object = None
        """The list of queries that Gemini told last; it tells all of them each time."""
        self._errors: list[str] = []
        self._made = 0
        self._is_unread = False
        self._seen = False

    @property
    def is_allowed(self) -> bool:
        """Return whether the request allowed any search."""
        return bool(self._searching.searches_max)

    def take(self, piece: SearchPiece) -> None:
        """Take the next piece of a search."""
        self._seen = True
        self._made += piece.made
        self._is_unread = self._is_unread or piece.is_unread
        if piece.number is not None:
            self._inputs.setdefault(piece.number, [])
        if piece.listed is not None:
            self._listed = piece.listed
        self._queries += piece.queries
        self._read += piece.read[: max(0, _PIECES_MAX - len(self._read))]
        self._cited += piece.cited[: max(0, _PIECES_MAX - len(self._cited))]
        if piece.error:
            self._errors.append(words(piece.error, _ERROR_CHARS_MAX))

    def takes_input(self, piece: CallPiece) -> bool:
        """Return whether a piece of arguments belongs to a search, which no call of a tool is."""
        if piece.number is None or piece.number not in self._inputs:
            return False
        self._inputs[piece.number].append(piece.arguments)
        return True

    def billed(self, told: Told) -> int:
        """Return how many searches the bill counts, all that were allowed where it does not say."""
        most = self._searching.searches_max
        count = self._counted(told, most) if most else 0
        return count if count <= _SEARCHES_ABSURD else most

    def _counted(self, told: Told, most: int) -> int:
        match self._searching.unit:
            case "told":
                return self._as_told(told, most)
            case "items":
                return max(most, self._made) if self._is_unread else self._made
            case "queries":
                return self._as_listed(most)
            case "prompt":
                return int(self._seen)

    def _as_told(self, told: Told, most: int) -> int:
        used = told.get("server_tool_use")
        said = used.get("web_search_requests") if isinstance(used, Mapping) else used and "?"
        if said is None:
            return most if self._seen else 0
        count = number(said)
        return max(most, self._made) if count is None else max(count, self._made)

    def _as_listed(self, most: int) -> int:
        if not self._seen:
            return 0
        return len([one for one in self._all_listed if isinstance(one, str) and one]) or most

    @property
    def _all_listed(self) -> list[Any]:
        return self._listed if isinstance(self._listed, list) else []

    def findings(self, told: Told) -> WebFindings | None:
        """Return what was searched; None where nothing was, or nothing was allowed."""
        if not self._searching.searches_max or not self._seen:
            return None
        return WebFindings(
            searches=self.billed(told),
            queries=queries([*self._queries, *map(_query_in, self._inputs.values()), *self._all_listed]),
            cited=web_sources(self._cited),
            read=web_sources(self._read),
            errors=tuple(dict.fromkeys(self._errors)),
        )


def _query_in(pieces: list[str]) -> str:
    """Return the query in arguments that came in pieces."""
    try:
        found = json.loads("".join(pieces))
    except (ValueError, RecursionError):
        return ""
    return str(found.get("query") or "") if isinstance(found, dict) else ""

"""The shape of a roster with every mistake in it: what is wrong is told, mended by a stand-in, and the rest read on.

One mistake would otherwise hide the next: an entry that cannot be read names no model, and nobody would hear that this
model does not exist.
"""

import copy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from patterns.roster.consistency import MENDED
from patterns.roster.schema import KINDS, RosterFile
from patterns.roster.schema_words import keys_at, words
from patterns.roster.suggestions import as_name, key_meant
from patterns.roster.yaml_lines import Document, Mistake, Place

ROUNDS_MAX = 20

_AGENT = {"description": "?", "model": MENDED, "prompt": MENDED, "max_output_tokens": 1, "timeout_s": 1}
_FLOW = {"description": "?", "agent": MENDED}
_STAND_INS: dict[str, Any] = {
    "agent": MENDED,
    "agents": [MENDED],
    "alerts": [100],
    "concurrency": 1,
    "confirm_above_usd": 1,
    "default": MENDED,
    "default_channel_usd": 1,
    "description": "?",
    "dm_user_usd": 1,
    "input_usd_per_mtok": 1,
    "max_output_tokens": 1,
    "min_confidence": 0,
    "model": MENDED,
    "above_input_tokens": 1,
    "output_usd_per_mtok": 1,
    "mcp": {"command": ["?"]},
    "prompt": MENDED,
    "python": f"{MENDED}.py:mended",
    "quorum": 1,
    "reviewer": MENDED,
    "run_s": 1,
    "run_usd": 1,
    "schema": {"type": "object"},
    "steps": 1,
    "timeout_s": 1,
    "timezone": "UTC",
    "version": 1,
    "command": ["?"],
    "url": "http://mended",
    "worker": {"agent": MENDED},
    "workspace_usd": 1,
}
_SECTIONS: dict[str, Any] = {
    "models": {MENDED: {"model": "?"}},
    "agents": {MENDED: _AGENT},
    "flows": {MENDED: _FLOW},
    "router": {"model": MENDED, "default": MENDED, "min_confidence": 0},
    "limits": {"run_usd": 1, "run_s": 1, "steps": 1, "concurrency": 1, "confirm_above_usd": 1},
    "budgets": {"default_channel_usd": 1, "dm_user_usd": 1, "workspace_usd": 1, "timezone": "UTC", "alerts": [100]},
}
_SERVER = {"mcp": {"command": ["?"]}, "allow": [MENDED]}
_ENTRIES: dict[str, Any] = {"models": {"model": "?"}, "agents": _AGENT, "flows": _FLOW, "tools": _SERVER}
_GONE = object()
_LISTS_OF_NAMES = frozenset(
    {"agents", "fallback", "examples", "tools", "allow", "read_only", "retry_safe", "approve", "env", "command"}
)


@dataclass(frozen=True)
class Shape:
    """A roster as far as it can be read. `roster` is None when nothing of it can; `mistakes` say what was mended."""

    roster: RosterFile | None
    mistakes: tuple[Mistake, ...]


def read_shape(document: Document) -> Shape:
    """Read the value of a document into the shapes of a roster."""
    mending = _Mending(document, copy.deepcopy(document.value))
    for _ in range(ROUNDS_MAX):
        try:
            return Shape(RosterFile.model_validate(mending.value), tuple(mending.found))
        except ValidationError as error:
            errors = error.errors(include_url=False)
        if not isinstance(mending.value, dict):
            return Shape(None, (Mistake((), "the file must hold lines `key: value`, beginning with `version: 1`"),))
        # A key that is misspelt is not also missing, so keys come first.
        for one in sorted(errors, key=lambda error: error["type"] != "extra_forbidden"):
            mending.mend(one)
    return Shape(None, tuple(mending.found))


class _Mending:
    def __init__(self, document: Document, value: Any) -> None:  # noqa: ANN401 - YAML is anything
        self.value = value
        self.found: list[Mistake] = []
        self._document = document
        self._mended: set[Place] = set()

    def mend(self, error: Any) -> None:  # noqa: ANN401 - pydantic's error details are an untyped mapping in practice
        """Tell a mistake, unless it follows from one that was told, and put something in its place."""
        is_key = bool(error["loc"]) and error["loc"][-1] == "[key]"
        place = self._place(error["loc"])
        if error["type"] == "missing" and place[-1] in self._parent(place):
            return
        if not self._is_consequence(place, error):
            self.found.append(Mistake(place, words(error, place)))
        if error["type"] == "extra_forbidden":
            self._drop_key(place)
        elif is_key:
            self._rename(place, as_name(str(place[-1])))
        else:
            self._put(place, error)

    def _is_consequence(self, place: Place, error: Any) -> bool:  # noqa: ANN401 - as above
        if any(place[:end] in self._mended for end in range(len(place) + 1)):
            return True
        composed = self._document.composed
        if error["type"] == "missing" or error["input"] is None:
            return str(place[-1]) in composed.lost_names or self._document.is_cut(place[:-1] if place else place)
        return error["type"] in ("value_error", "too_short") and self._document.is_cut(place)

    def _place(self, location: tuple[int | str, ...]) -> Place:
        """Return the place in the file; pydantic also names keys and the kinds of a union."""
        place: list[int | str] = []
        inside = self.value
        for index, part in enumerate(location):
            is_last = index == len(location) - 1
            if isinstance(inside, dict) and (part in inside or is_last) and part != "[key]":
                place.append(part)
                inside = inside.get(part)
            elif isinstance(inside, list) and isinstance(part, int) and part < len(inside):
                place.append(part)
                inside = inside[part]
        return tuple(place)

    def _parent(self, place: Place) -> Any:  # noqa: ANN401 - YAML is anything
        inside = self.value
        for part in place[:-1]:
            inside = inside[part]
        return inside

    def _drop_key(self, place: Place) -> None:
        parent = self._parent(place)
        value = parent.pop(place[-1], None)
        meant = key_meant(str(place[-1]), keys_at(place[:-1]))
        if meant and meant not in parent and meant != "api_key_env":
            parent[meant] = value
            self._document.lines.setdefault((*place[:-1], meant), self._document.line(place))

    def _rename(self, place: Place, name: str) -> None:
        parent = self._parent(place)
        renamed = {name if key == place[-1] and name not in parent else key: value for key, value in parent.items()}
        if name in parent:
            renamed.pop(place[-1])
        parent.clear()
        parent.update(renamed)

    def _put(self, place: Place, error: Any) -> None:  # noqa: ANN401 - pydantic's error details, as above
        """Put a stand-in where something is wrong, or take it away where it can be missed."""
        if not place:
            return
        parent, key = self._parent(place), place[-1]
        value = parent.get(key) if isinstance(parent, dict) else parent[key]
        if error["type"] == "value_error" and isinstance(value, dict) and place[0] == "flows":
            self._settle(place, value)
            return
        if error["type"] == "tuple_type" and isinstance(value, str) and key in _LISTS_OF_NAMES:
            parent[key] = [value]
            return
        self._mended.add(place)
        if isinstance(key, int):
            parent[key] = MENDED if all(isinstance(item, str) for item in parent) else {"agent": MENDED}
            if "alerts" in place or "tiers" in place or "fallback" in place or "examples" in place:
                self._put(place[:-1], error)
            return
        stand_in = _stand_in(place)
        if stand_in is _GONE:
            parent.pop(key, None)
        else:
            parent[key] = copy.deepcopy(stand_in)

    def _settle(self, place: Place, entry: dict[str, Any]) -> None:
        """Make the parts of an entry fit each other, so that what stands in them is still looked at."""
        if place[-1] == "broadcast":
            entry |= {"collect": "list", "on_failure": "continue"}
            return
        given = [kind for kind in KINDS if entry.get(kind) is not None]
        for kind in given[1:]:
            del entry[kind]
        if not given:
            entry["agent"] = MENDED


def _stand_in(place: Place) -> Any:  # noqa: ANN401 - YAML is anything
    key = str(place[-1])
    if len(place) == 1:
        return _SECTIONS.get(key, _STAND_INS.get(key, _GONE))
    if len(place) == 2 and place[0] in _ENTRIES:  # noqa: PLR2004 - a section and a name
        return _ENTRIES[str(place[0])]
    if place[0] == "models" and key == "model":
        return "?"
    if place[0] == "router" and key == "agents":
        return _GONE
    return _STAND_INS.get(key, _GONE)

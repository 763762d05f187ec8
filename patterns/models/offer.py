"""What a request offers its model, as far as the reply needs it: the names of tools on the wire, and fresh ids. Pure.

Providers take no dots in names and at most 64 characters, so `tickets.get_issue` travels as `tickets__get_issue`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from patterns.core.tools import ToolCall

_NAME_CHARS_MAX = 64
_HASH_CHARS = 8
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")
_FIT = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_ID_CHARS_MAX = 200


def wire_name(name: str) -> str:
    """Return a tool's name as every provider takes it; two names never become one.

    A name that could not be read back from its own letters, or is too long, ends in a hash of itself.
    """
    plain = name.replace(".", "__")
    if _FIT.fullmatch(plain) and plain.replace("__", ".") == name:
        return plain
    cleaned = _FORBIDDEN.sub("_", plain).lstrip("0123456789-") or "tool"
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:_HASH_CHARS]
    return f"{cleaned[: _NAME_CHARS_MAX - _HASH_CHARS - 1]}_{digest}"


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools of one request. `model` is the provider's name of the model, `output_tokens_max` the body's cap.

    `names` maps names on the wire to those of the roster, `taken` holds the ids of earlier calls and `called` their
    names on the wire, `turn` is the number of messages so far.
    """

    model: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    called: frozenset[str] = frozenset()
    turn: int = 0
    output_tokens_max: int = 0

    @classmethod
    def of(
        cls, tools: Iterable[str], *, model: str, earlier: Sequence[ToolCall], turn: int, output_tokens_max: int
    ) -> "Offer":
        """Return the offer of tools with these names, after `earlier` calls."""
        return cls(
            model=model,
            names={wire_name(name): name for name in tools},
            taken=frozenset(call.id for call in earlier),
            called=frozenset(wire_name(call.name) for call in earlier),
            turn=turn,
            output_tokens_max=output_tokens_max,
        )

    def name_of(self, called: str) -> str:
        """Return the roster's name of the tool that a model calls; a name that was not offered stays as it is."""
        return self.names.get(called, called)

    def id_of(self, told: str, number: int, used: set[str]) -> str:
        """Return a call's id: the provider's where it is one, else one that is the same whenever this reply is read."""
        if told and len(told) <= _ID_CHARS_MAX and told not in used and told not in self.taken:
            return told
        own = f"call_{self.turn}_{number}"
        while own in used or own in self.taken:
            own += "x"
        return own

"""What a connection brings along and nobody may read: tokens, keys, and the variables a command was given."""

from dataclasses import dataclass, field

MASK = "[secret]"
LENGTH_MIN = 8
"""Shorter values are no secrets, and would be found in ordinary words."""


@dataclass
class Secrets:
    """The secrets of one connection. What its server says is masked before anything of ours keeps or logs it."""

    _values: set[str] = field(default_factory=set)

    def keep(self, *values: str | None) -> None:
        """Remember values that are never shown; every line of one that has several is one too."""
        lines = [line.strip() for value in values if value for line in (value, *value.splitlines())]
        self._values.update(line for line in lines if len(line) >= LENGTH_MIN)

    def masked(self, text: str) -> str:
        """Return a text without them."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

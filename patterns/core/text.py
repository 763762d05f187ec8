"""Text from outside as every database takes it: a model's answer must not break the ledger that paid for it."""

from typing import Any


def storable(text: str) -> str:
    """The same text with a mark where it held half a character pair or a NUL, which are escapes in JSON and no text."""
    return text.encode(errors="replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def storable_json(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The same JSON value with every text in it storable, so that whoever reads it later need not think of it."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(name): storable_json(inner) for name, inner in value.items()}
    return [storable_json(inner) for inner in value] if isinstance(value, list) else value

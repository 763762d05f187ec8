"""Text from outside in a form that both databases accept."""

from typing import Any


def storable(text: str) -> str:
    """Return the text with lone surrogates and NUL replaced, which JSON can escape and databases refuse."""
    return text.encode(errors="replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def storable_json(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the JSON value with every text in it storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(name): storable_json(inner) for name, inner in value.items()}
    return [storable_json(inner) for inner in value] if isinstance(value, list) else value

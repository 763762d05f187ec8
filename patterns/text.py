"""Text from outside as every database takes it: a model's answer must not break the ledger that paid for it."""


def storable(text: str) -> str:
    """The same text with a mark where it held half a character pair or a NUL, which are escapes in JSON and no text."""
    return text.encode(errors="replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")

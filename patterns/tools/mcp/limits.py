"""How much a server may say at once: what is longer is never held in memory."""

ANSWER_BYTES_MIN = 4_000_000
HEADROOM = 16
"""An answer stands twice in what a server sends, in JSON: as a text, and as a structure."""
_TOO_LONG = "Its answer is longer than"


def answer_bytes_max(output_bytes_max: int) -> int:
    """Return how many bytes an answer may have whose tool may show so many of them."""
    return max(ANSWER_BYTES_MIN, HEADROOM * output_bytes_max)


def too_long(bytes_max: int) -> str:
    """Return what is said of an answer that is longer."""
    return f"{_TOO_LONG} {bytes_max:,} bytes"


def is_too_long(message: str) -> bool:
    """Return whether an error says so: ours, or the SDK's of an event."""
    return _TOO_LONG in message or "Server-sent event exceeded" in message

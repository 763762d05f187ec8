"""The place of a request in line, and why one more is not taken, as sentences. Pure."""

from storage.queue_bounds import QueueFullError

_BY_ITSELF = "It starts by itself, so there is no need to ask again."
_FULL = {
    "person": "{most:,} of your requests are waiting already, and I keep no more of one person",
    "channel": "{most:,} requests of this channel are waiting already, and I keep no more of one channel",
    "all": "{most:,} requests are waiting already, and I keep no more",
}


def place_in_line(ahead: int) -> str:
    """Return where a request stands among those of its person that wait for a free place."""
    if not ahead:
        return f"⏳ Queued: of your requests, this one is the next to start. {_BY_ITSELF}"
    before = "1 request of yours is before it" if ahead == 1 else f"{ahead:,} requests of yours are before it"
    return f"⏳ Queued: {before}. {_BY_ITSELF}"


def turn_in_thread(ahead: int) -> str:
    """Return what a request in a busy thread waits for."""
    if ahead <= 1:
        return "⏳ Queued: I start on this when the request before it is done."
    return f"⏳ Queued: I start on this when the {ahead:,} requests before it are done."


def queue_full(error: QueueFullError) -> str:
    """Return why a request was not taken, and what to do."""
    return (
        f"Not started, nothing spent: {_FULL[error.bound].format(most=error.most)}. Please ask again when some of them"
        " are done; `/agents stop` takes back yours in a channel."
    )

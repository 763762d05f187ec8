"""Why a file of a request was left out."""

from patterns.core.errors import AgentsError


class UnreadError(AgentsError):
    """A file was left out; the message says why, after `was left out:`."""

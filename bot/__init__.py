"""Speaks Slack, and puts everything together."""

__version__ = "0.1.0"

"""The sources of prices and their age, shown before a person trusts an old list."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.metadata import version

from patterns.core.ports import ModelClient
from patterns.roster.roster import ModelSpec

MAP_DATES = {"1.106.2": date(2026, 10, 21)}
"""Publication dates of the litellm releases we ran with, and so of their price maps."""
STALE_AFTER_DAYS = 90


def price_note(models: Mapping[str, ModelSpec], client: ModelClient, *, now_us: int) -> str:
    """Return the sources of all prices in use, with the age of litellm's map and a warning when it is stale."""
    sources = sorted({client.price(name).source for name in models})
    said = f"Prices: {', '.join(sources)}"
    if not any(source.startswith("litellm") for source in sources):
        return said
    published = MAP_DATES.get(version("litellm"))
    if published is None:
        return f"{said}, of unknown date. ⚠️ Compare them with your provider's list."
    age_days = (datetime.fromtimestamp(now_us / 1_000_000, UTC).date() - published).days
    if age_days <= STALE_AFTER_DAYS:
        return f"{said} of {published:%Y-%m-%d}"
    return f"{said} of {published:%Y-%m-%d}. ⚠️ They are {age_days} days old: update Agents for Slack."

"""The price of a request in words, before it runs: the same in Slack and in a shell."""

from patterns.core.money import format_usd
from patterns.flow import Plan


def price_words(worst_nusd: int, expected_nusd: int | None) -> str:
    """Return `about $0.03, at most $0.12`; the first half only where the ledger has a history of the flow."""
    most = f"at most {format_usd(worst_nusd)}"
    return most if expected_nusd is None else f"about {format_usd(expected_nusd)}, {most}"


def estimate_words(plan: Plan, expected_nusd: int | None) -> str:
    """Return a sentence with what a request would cost."""
    price = f"{price_words(plan.worst_nusd, expected_nusd)} ({format_usd(plan.quote.once_nusd)} without any retry)"
    if plan.decision.chosen_by == "person":
        return f"`{plan.title}` costs {price}. Nothing was started."
    return f"The Router chooses the flow; with `{plan.title}`, the default, it costs {price}. Nothing was started."

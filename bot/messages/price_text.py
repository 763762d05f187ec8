"""What a request costs, in words: every price that people read before something runs, in Slack and in a shell.

One notion: `about $0.02, at most $0.14`. The first figure is expected, the second is the bound that no run passes.
"""

from collections.abc import Mapping

from patterns.core.money import format_usd
from patterns.core.quotes import PriceEstimate
from patterns.flow import Plan

FIRST_ESTIMATE = "first estimate, from typical lengths"
"""What is said while the expected figure comes from no history."""
NO_PRICE = "an amount that the plan names"


def price_words(price: PriceEstimate) -> str:
    """Return `about $0.02, at most $0.14`; what can cost nothing is `$0.00`."""
    if not price.worst_nusd:
        return format_usd(0)
    return f"about {format_usd(price.expected_nusd)}, at most {format_usd(price.worst_nusd)}"


def price_told(price: PriceEstimate) -> str:
    """Return the price of one request, with where its first figure comes from."""
    return (
        price_words(price) if price.has_history or not price.worst_nusd else f"{price_words(price)} ({FIRST_ESTIMATE})"
    )


def price_note(prices: Mapping[str, PriceEstimate | None]) -> str:
    """Return the note under a list of prices by flow: which of them come from no history yet; empty for none."""
    known = {name: price for name, price in prices.items() if price is not None and price.worst_nusd}
    new = [name for name, price in known.items() if not price.has_history]
    if not new:
        return ""
    which = (
        "each price"
        if len(new) == len(known)
        else f"the price of {' and '.join([', '.join(new[:-1]), new[-1]] if new[1:] else new)}"
    )
    return f"“About” in {which} is a {FIRST_ESTIMATE}; once some requests were answered, it is what they cost here."


def estimate_words(plan: Plan) -> str:
    """Return a sentence with what a request would cost."""
    price = price_told(plan.price)
    if plan.decision.chosen_by == "person":
        return f"`{plan.title}` costs {price}. Nothing was started."
    return f"The Router chooses the flow; with `{plan.title}`, the default, it costs {price}. Nothing was started."

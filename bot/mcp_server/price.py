"""Prices as a client of the MCP server gives and gets them: in dollars."""

from bot.mcp_server.desk import Flow, Request, usd
from bot.messages.list_views import FlowLine
from patterns.core.errors import UserError
from patterns.core.money import format_usd, parse_usd
from patterns.flow import Plan


def flow_of(line: FlowLine) -> Flow:
    """Return a flow with its price, as the catalog has it."""
    price = line.price
    return Flow(
        name=line.name,
        description=line.description,
        about_usd=usd(price.expected_nusd) if price else None,
        at_most_usd=usd(price.worst_nusd) if price else None,
    )


def check_price(plan: Plan, request: Request) -> None:
    """Check that a plan costs no more than its client wants to pay.

    Raises:
        UserError: it can.
    """
    if request.at_most_usd is None:
        return
    most_nusd = parse_usd(f"{request.at_most_usd:.9f}")
    if plan.price.worst_nusd > most_nusd:
        raise UserError(
            f"Not started, nothing spent: it can cost {format_usd(plan.price.worst_nusd)}, and {format_usd(most_nusd)}"
            " was the most. Raise at_most_usd, or name a cheaper flow."
        )

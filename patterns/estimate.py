"""What a request can cost, told before it runs and without asking a model."""

from dataclasses import dataclass

from patterns.agent import Quote
from patterns.context import TaskContext
from patterns.flow import Choice, chosen_by_person, plan_of
from patterns.money import format_usd
from patterns.roster_check import ROUTER
from patterns.router import RouteDecision, route_schema
from patterns.services import Services


@dataclass(frozen=True, slots=True)
class Estimate:
    """The price of a request.

    `once_nusd` must be free to start: every step once, at its dearest model and its longest input. `worst_nusd` is the
    same with every retry, repair and round billed, capped by the run's limit. `expected_nusd` is what the ledger knows
    of earlier runs of the flow.
    """

    title: str
    once_nusd: int
    worst_nusd: int
    expected_nusd: int | None = None

    @property
    def text(self) -> str:
        """In words for people."""
        most = f"at most {format_usd(self.worst_nusd)}"
        return most if self.expected_nusd is None else f"about {format_usd(self.expected_nusd)}, {most}"


def estimate(
    ctx: TaskContext, services: Services, choice: Choice | None = None, *, expected_nusd: int | None = None
) -> Estimate:
    """The price of what a person asked for; when the Router has to choose, of the dearest flow and the choice.

    Raises:
        UserError: the person named a flow or agents that are not there or do not fit.
    """
    decision = chosen_by_person(services.roster, choice or Choice())
    if decision is not None:
        plan = plan_of(ctx, services, decision)
        return Estimate(plan.title, plan.quote.once_nusd, plan.worst_nusd, expected_nusd)
    dearest = Quote()
    for quote in flow_quotes(ctx, services).values():
        dearest = dearest.either(quote)
    schema = route_schema(services.roster)
    total = dearest + services.runner.quote(ctx, services, agent=ROUTER, schema=schema)
    return Estimate("the Router's choice", total.once_nusd, min(total.worst_nusd, services.pool_nusd), expected_nusd)


def flow_quotes(ctx: TaskContext, services: Services) -> dict[str, Quote]:
    """The price of every flow for this request, to offer a cheaper one when the money is short."""
    return {name: plan_of(ctx, services, RouteDecision(flow=name)).quote for name in services.roster.flows}

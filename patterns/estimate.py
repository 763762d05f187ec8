"""The price of a request before it runs, without asking a model."""

from dataclasses import replace

from patterns.core.context import TaskContext
from patterns.flow import Choice, Plan, explicit_decision, plan_of, routing_quote
from patterns.router import RouteDecision
from patterns.services import Services
from patterns.tools.able import workable


def estimate(ctx: TaskContext, services: Services, choice: Choice) -> Plan:
    """Return the plan of what a person asked for, or the default flow plus the routing step where nothing was named.

    Raises:
        UserError: the person named a flow or agents that are not there or do not fit.
    """
    decision = explicit_decision(services.roster, choice)
    if decision is not None:
        return plan_of(ctx, services, decision)
    plan = plan_of(ctx, services, RouteDecision(flow=workable(services).router.default, chosen_by="default"))
    return replace(plan, quote=plan.quote + routing_quote(ctx, services))

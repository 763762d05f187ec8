"""The desk of a token: its requests are those of its person in its channel, and appear there like any other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.commands.origin import Origin
from bot.mcp_server.desk import NO_RUN, Balance, Estimate, Flow, Request, Status, usd
from bot.mcp_server.price import check_price, flow_of
from bot.mcp_server.run_status import StatusReader
from bot.mcp_tokens import Grantee
from bot.messages.card_views import Needs
from bot.messages.mrkdwn import unescape
from bot.messages.outcome_text import refusal
from bot.people.access import Access, Place
from bot.people.permissions import Action
from bot.people.profiles import ProfileLookup
from bot.runs.budget_gate import InsufficientBudgetError, require_budget
from bot.runs.catalog import priced_flows
from bot.runs.engine import Engine
from bot.runs.named_run import named_run
from bot.runs.request import RunRequest
from bot.threads.run_service import RunService
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.flow import Choice, Plan
from storage.run_rows import RunRow
from storage.threads import Threads


@dataclass(frozen=True, slots=True)
class SlackDesk:
    """The desk of one token. Who it speaks for is checked anew for every call."""

    engine: Engine
    access: Access
    runs: RunService
    profiles: ProfileLookup
    threads: Threads
    whose: Grantee

    async def flows(self) -> list[Flow]:
        """Return the flows with their prices in the channel."""
        place = await self._admitted(Action.LOOK)
        await self.engine.client.warm()
        return [flow_of(line) for line in await priced_flows(self.engine, self._payer(place))]

    async def estimate(self, request: Request) -> Estimate:
        """Return what a request would cost."""
        place = await self._admitted(Action.LOOK)
        plan = await self._plan(request, place)
        fits = await _fits(require_budget(self.engine.balances, self._payer(place), plan.needed_nusd))
        price = plan.price
        return Estimate(
            flow=plan.title,
            about_usd=usd(price.expected_nusd),
            at_most_usd=usd(price.worst_nusd),
            fits_the_budget=fits,
        )

    async def ask(self, request: Request) -> Status:
        """Accept a request: its thread is in the channel, and waits its turn like everybody's."""
        place = await self._admitted(Action.ASK)
        plan = await self._plan(request, place)
        check_price(plan, request)
        payer = self._payer(place)
        try:
            await require_budget(self.engine.balances, payer, plan.needed_nusd)
        except InsufficientBudgetError as error:
            needs = Needs(plan.price, error.needed_nusd)
            view = await self.profiles.refusal(payer, error.balance, needs=needs, with_workspace=False)
            raise UserError(unescape(refusal(view))) from None
        whose = self.whose
        key = f"mcp:{whose.user}:{request.key}"
        origin = Origin(delivery_key=key, workspace=whose.workspace, channel=whose.channel, user=whose.user)
        flow = request.flow or place.flow or None
        wanted = RunRequest(
            origin, place.kind, request.text, flow, request.agents, dry=request.dry, sees_workspace=False
        )
        await self.runs.open(wanted)
        run_id = await self.threads.run_of_delivery(whose.workspace, key)
        if run_id is None:
            raise UserError("It was not started. Whoever the token speaks for was told why in Slack.")
        return await self.status(run_id)

    async def status(self, run_id: str) -> Status:
        """Return how far a request of the person in the channel is."""
        await self._admitted(Action.READ_RUN)
        return await self._reader.status(await self._run(run_id))

    async def stop(self, run_id: str) -> Status:
        """Stop a request of the person in the channel."""
        await self._admitted(Action.STOP)
        run = await self._run(run_id)
        if run.status != "done":
            whose = self.whose
            origin = Origin(delivery_key="", workspace=whose.workspace, channel=whose.channel, user=whose.user)
            await self.runs.stop(origin, run_id=run.id)
        return await self.status(run_id)

    async def balance(self) -> Balance:
        """Return the month of the channel."""
        place = await self._admitted(Action.SEE_BUDGET)
        view = await self.profiles.balance(self._payer(place))
        return Balance(
            account=view.name,
            limit_usd=usd(view.limit_nusd),
            spent_usd=usd(view.settled_nusd),
            held_usd=usd(view.held_nusd),
            free_usd=usd(view.free_nusd),
            resets_on=view.resets_on,
        )

    @property
    def _reader(self) -> StatusReader:
        return StatusReader(self.engine, "in its thread in Slack")

    async def _admitted(self, action: Action) -> Place:
        """Return the place; the token's owner is checked as if their click had named the channel."""
        whose = self.whose
        return await self.access.admit(
            workspace=whose.workspace, channel=whose.channel, user=whose.user, action=action, is_claimed=True
        )

    def _payer(self, place: Place) -> Payer:
        return Payer(self.whose.workspace, self.whose.channel, place.kind, self.whose.user)

    async def _plan(self, request: Request, place: Place) -> Plan:
        if not request.text.strip():
            raise UserError("Say what the agents should do.")
        choice = Choice(flow=request.flow or place.flow or None, agents=request.agents, dry=request.dry)
        return await self.engine.quote(self._payer(place), request.text, choice)

    async def _run(self, run_id: str) -> RunRow:
        whose = self.whose
        run = await named_run(self.engine.store, run_id, workspace=whose.workspace, user=whose.user, unknown=NO_RUN)
        if (run.workspace, run.channel, run.user) != (whose.workspace, whose.channel, whose.user):
            raise UserError(NO_RUN)
        return run


DeskFor = Callable[[Grantee], SlackDesk]
"""Returns the desk of a token's owner."""


async def _fits(checked: Awaitable[None]) -> bool:
    try:
        await checked
    except InsufficientBudgetError:
        return False
    return True

"""Calls for help: one direct message to whoever can remove what stood in a request's way, once per run and person."""

import asyncio
from dataclasses import dataclass, field

from bot.commands.origin import Origin
from bot.messages.card_views import Needs
from bot.messages.notice_views import HelpCallView, NoticeView
from bot.messages.outcome_text import needs_words
from bot.messages.renderer import Renderer
from bot.messages.run_text import left, listed
from bot.people.channel_rules import RulesStore
from bot.people.profiles import ProfileLookup
from bot.runs.budget_gate import InsufficientBudgetError, require_budget
from bot.runs.ending import obstacles
from bot.runs.engine import Engine
from bot.runs.outcome import RunOutcome
from bot.runs.request import RunRequest
from bot.slack.announcements import OnceOnlyAnnouncements
from bot.threads.presenter import SlackThreadPresenter
from patterns.core.errors import RosterError, UserError
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from patterns.core.reasons import Reason
from storage.ledger.balances import Balance
from storage.run_rows import RunRow

_MONEY = frozenset({Reason.BUDGET, Reason.NOT_GRANTED})
_COMMANDS = {
    Reason.PAUSED: "`/agents budget resume` does it.",
    Reason.FROZEN: "`/agents budget unfreeze` in that channel does it.",
}
"""What undoes it, for the reader of the call."""


@dataclass(frozen=True)
class HelpCalls:
    """The port `HelpDesk` of the listeners."""

    engine: Engine
    presenter: SlackThreadPresenter
    profiles: ProfileLookup
    rules: RulesStore
    announcements: OnceOnlyAnnouncements
    renderer: Renderer
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def for_run(self, run_id: str, by: Origin) -> NoticeView:
        """Call for help with a finished run; the listener has checked that this person may.

        Raises:
            UserError: nothing is in its way, or nobody is known who could help.
        """
        run = await self.engine.store.get(run_id)
        kept = await self.engine.store.text(run_id, "result") if run is not None else None
        if run is None or kept is None:
            raise UserError("I no longer know how that ended. Please ask again.")
        causes = await self._causes(run, RunOutcome.model_validate_json(kept))
        if not causes:
            raise UserError("That was answered; nothing is in its way.")
        link = await self.presenter.link(run)
        return await self._call(f"help/{run.id}", run.payer, by, causes, link=link, code=run.id)

    async def for_request(self, request: RunRequest) -> NoticeView:
        """Call for help with a request that was refused before it began; what is missing is looked up anew.

        Raises:
            UserError: nothing is in its way any more, or nobody is known who could help.
        """
        payer = request.payer
        try:
            plan = await self.engine.quote(payer, request.text, request.choice)
        except RosterError as error:
            return await self._call(f"help/{request.key}", payer, request.origin, [str(error)])
        try:
            await require_budget(self.engine.balances, payer, plan.needed_nusd)
        except InsufficientBudgetError as error:
            causes = [await self._money(payer, error.balance, Needs(plan.price, error.needed_nusd))]
            return await self._call(f"help/{request.key}", payer, request.origin, causes)
        raise UserError("Nothing is in its way any more: send it again.")

    async def for_fault(self, code: str, by: Origin) -> NoticeView:
        """Tell an admin of a fault of ours by its code in the log; raise UserError when nobody is known."""
        payer = Payer(by.workspace, by.channel, "dm" if by.channel.startswith("D") else "channel", by.user)
        causes = [Reason.INTERNAL.sentence(owner="you")]
        return await self._call(f"help/fault/{code}", payer, by, causes, code=code)

    async def _causes(self, run: RunRow, outcome: RunOutcome) -> list[str]:
        """Return what stood in the way of a run, in sentences for whoever can put it right."""
        journal = await self.engine.journal.steps(run.id)
        found = obstacles(outcome, journal)
        if found and found[0].reason in _MONEY:
            needs = Needs(await self.engine.price_of(run), max(outcome.needed_nusd, run.worst_nusd))
            balance = await self.engine.balances.tightest(run.payer, needs.free_nusd)
            return [await self._money(run.payer, balance, needs)]
        known = self.engine.roster.models
        said = [
            f"{one.reason.sentence(model=known[one.model].model if one.model in known else one.model, owner='you')}"
            f" {_COMMANDS.get(one.reason, '')}".rstrip()
            for one in found
        ]
        return list(dict.fromkeys([*said, *(outcome.result.notes if found else ())]))

    async def _money(self, payer: Payer, balance: Balance, needs: Needs) -> str:
        view = await self.profiles.view(payer, balance)
        name = view.name
        if balance.blocked:
            reason = Reason(balance.blocked)
            said = reason.sentence(budget=f"the budget of {name}", owner="you")
            return f"{said} {_COMMANDS.get(reason, '')}".rstrip()
        said = f"{needs_words(needs)}, and {left(view)} is left in {name}."
        if payer.channel_kind == "dm":
            return f"{said} An admin can raise the limit in the app's home."
        missing = format_usd(max(1, needs.free_nusd - max(0, balance.free_nusd or 0))).lstrip("$")
        return f'{said} `/agents budget grant {missing} "why"` in that channel adds what is missing.'

    async def _call(
        self, key: str, payer: Payer, by: Origin, causes: list[str], *, link: str = "", code: str = ""
    ) -> NoticeView:
        """Send the message once per person, and return the confirmation for whoever pressed the button."""
        rules = await self.rules.rules(workspace=payer.workspace, channel=payer.channel)
        helpers = await self.profiles.responsible(rules, payer.workspace)
        if not helpers:
            raise UserError(f"I know of no admin here whom I could ask. Show this to whoever set me up: {causes[0]}")
        others = [user for user in helpers if user != by.user]
        if not others:
            raise UserError(f"You are the one who can help here. {' '.join(causes)}")
        asker = await self.profiles.person(by.user, payer.workspace)
        view = HelpCallView(asker, await self._place(payer), tuple(causes), link, code)
        async with self._one_at_a_time:  # a double click would else be told that nobody could be reached
            return await self._tell(f"{key}/{by.user}", payer.workspace, others, view)

    async def _tell(self, name: str, workspace: str, helpers: list[str], view: HelpCallView) -> NoticeView:
        names = listed(await self.profiles.names(helpers, workspace))
        if not await self.announcements.unannounced([name]):
            return NoticeView(f"You asked {names} about this already.")
        await self.announcements.announce([name], self.renderer.message(view), workspace=workspace, users=helpers)
        if await self.announcements.unannounced([name]):
            raise UserError(f"I could not reach {names} just now. Please press the button again in a minute.")
        return NoticeView(f"I asked {names} in a direct message and said what is wrong and where.")

    async def _place(self, payer: Payer) -> str:
        return "direct messages with me" if payer.channel_kind == "dm" else await self.profiles.place_name(payer)

"""The cards of parked runs: a price to accept, a draft to decide on, budget to ask for."""

from dataclasses import dataclass, replace

from bot.messages.card_views import BudgetQueueView, BudgetRequestView, ConfirmView, ReviewView
from bot.messages.renderer import Renderer
from bot.messages.run_text import moment
from bot.messages.views import RunView, SlackMessage
from bot.people.profiles import ProfileLookup
from bot.runs.budget_gate import missing_nusd
from bot.runs.engine import CONFIRM_PATH, Engine
from patterns.core.ports import Question
from storage.run_rows import RunRow

_THEN = {
    "approve": "Open until {until}; after that it ends without approval.",
    "feedback": "At {until} it continues by itself.",
    "money": "Open until {until}; after that the partial answer is final.",
    "line": "I wait until {until}; then the request ends.",
}


@dataclass(frozen=True, slots=True)
class Cards:
    """Renders questions as messages; `decided` closes a card."""

    engine: Engine
    profiles: ProfileLookup
    renderer: Renderer

    async def card(
        self, run: RunRow, view: RunView, *, path: str, question: Question, decided: str = ""
    ) -> SlackMessage:
        """Return the card of a question."""
        if path == CONFIRM_PATH:
            return self._price(run, view, question, decided)
        if question.kind == "money":
            return await self._money(run, view, path, question, decided)
        if question.kind == "line":
            return await self._line(run, path, question, decided)
        return self.renderer.message(
            ReviewView(
                view,
                question.title,
                question.draft,
                question.verdict,
                question.round,
                deadline=await self._deadline(run, path, question),
                decided=decided,
                question=path,
                is_optional=question.kind == "feedback",
                has_approvers=bool(question.approvers),
            )
        )

    def _price(self, run: RunRow, view: RunView, question: Question, decided: str) -> SlackMessage:
        cheap = self.engine.roster.router.default
        worst_nusd = self.engine.quote_flow(run.payer, cheap).worst_nusd
        offered = run.options.get("flow") != cheap and worst_nusd < question.amount_nusd
        asked = replace(view, worst_nusd=question.amount_nusd, flow=question.title)
        return self.renderer.message(
            ConfirmView(asked, cheap if offered else "", worst_nusd if offered else 0, decided)
        )

    async def _money(self, run: RunRow, view: RunView, path: str, question: Question, decided: str) -> SlackMessage:
        payer = run.payer
        balance = await self.engine.balances.tightest(payer, question.amount_nusd)
        return self.renderer.message(
            BudgetRequestView(
                view,
                missing_nusd(question, balance),
                # Everybody in the channel reads a card, guests and people of other organisations among them.
                await self.profiles.view(payer, balance, with_workspace=False),
                owner=await self.profiles.owner(run.workspace),
                deadline=await self._deadline(run, path, question),
                decided=decided,
                question=path,
            )
        )

    async def _line(self, run: RunRow, path: str, question: Question, decided: str) -> SlackMessage:
        """Return what a queued run waits for; its root message has the stop button."""
        payer = run.payer
        tightest = await self.engine.balances.tightest(payer, question.amount_nusd)
        balance = await self.profiles.view(payer, tightest, with_workspace=False)
        until = "" if decided else await self._deadline(run, path, question)
        return self.renderer.message(BudgetQueueView(question.amount_nusd, balance, deadline=until, decided=decided))

    async def _deadline(self, run: RunRow, path: str, question: Question) -> str:
        """Return the deadline of a question and what happens then."""
        asked = await self.engine.questions.find(run.id, path)
        if asked is None or asked.deadline_us is None:
            return ""
        return _THEN[question.kind].format(until=moment(asked.deadline_us, self.engine.zone))

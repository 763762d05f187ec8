"""The queue of runs for budget that other runs hold: admitted in order of request, none overtakes another."""

from collections import Counter
from dataclasses import dataclass

from bot.runs.engine import Engine
from bot.threads.review_service import ReviewService
from storage.questions import StoredQuestion
from storage.run_rows import RunRow


@dataclass(frozen=True, slots=True)
class BudgetQueue:
    """The queue over all channels."""

    engine: Engine
    reviews: ReviewService

    async def budget_raised(self, workspace: str, channel: str) -> None:
        """Resume runs that ran short after a budget change, then admit queued ones."""
        await self.reviews.budget_raised(workspace, channel)
        await self.admit_next()

    async def admit_next(self) -> None:
        """Admit queued runs that can be paid now, end those for which waiting cannot help. May run twice at once.

        An account that is short for a queued run is kept for it: no later run may take what it needs.
        """
        promised_nusd: Counter[tuple[str, str, str]] = Counter()
        short: set[tuple[str, str, str]] = set()
        for run, asked in await self._waiting():
            nusd = asked.question.amount_nusd
            balances = await self.engine.balances.balances(run.payer)
            accounts = {(run.workspace, balance.kind, balance.key): balance for balance in balances}
            if not all(balance.would_fit(nusd) for balance in balances):
                await self.reviews.settle(run, asked, "expired")
                continue
            missing = {key for key, balance in accounts.items() if not balance.fits(nusd + promised_nusd[key])}
            if missing or short & accounts.keys():
                short |= missing
                continue
            promised_nusd.update(dict.fromkeys(accounts, nusd))
            await self.reviews.settle(run, asked, "run")

    async def _waiting(self) -> list[tuple[RunRow, StoredQuestion]]:
        asked = [one for one in await self.engine.questions.undecided() if one.question.kind == "line"]
        found = [(run, one) for one in asked if (run := await self.engine.store.get(one.run_id)) is not None]
        return sorted(found, key=lambda pair: (pair[0].created_us, pair[0].id))

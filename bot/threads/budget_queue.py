"""The line for money that other runs hold: whoever can be paid begins, in the order of asking, none past another."""

from collections import Counter
from dataclasses import dataclass

from bot.threads.review_service import ReviewService
from storage.questions import Asked
from storage.run_rows import RunRow


@dataclass(frozen=True, slots=True)
class BudgetQueue:
    """Everybody who waits in it, in every channel."""

    reviews: ReviewService

    async def money_arrived(self, workspace: str, channel: str) -> None:
        """Somebody changed a budget: those who ran short half-way go on first, then the line moves."""
        await self.reviews.money_arrived(workspace, channel)
        await self.admit_next()

    async def admit_next(self) -> None:
        """Let those begin who can be paid now, and give up where waiting cannot help. May run late, or twice at once.

        An account that is too short for one who waits is kept for them: nobody behind may take of it what they need.
        """
        promised_nusd: Counter[tuple[str, str, str]] = Counter()
        short: set[tuple[str, str, str]] = set()
        for run, asked in await self._waiting():
            nusd = asked.question.amount_nusd
            balances = await self.reviews.engine.balances.balances(run.payer)
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

    async def _waiting(self) -> list[tuple[RunRow, Asked]]:
        engine = self.reviews.engine
        asked = [one for one in await engine.questions.waiting() if one.question.kind == "line"]
        found = [(run, one) for one in asked if (run := await engine.store.get(one.run_id)) is not None]
        return sorted(found, key=lambda pair: (pair[0].created_us, pair[0].id))

"""The ports of a run that is replayed: the journal answers, people have answered, no money moves, nothing is sent."""

import asyncio
from collections.abc import Sequence

from bot.runs.engine import CONFIRM_PATH
from bot.runs.replayed_money import Difference
from bot.runs.replayed_words import decision_said
from bot.runs.told_price import PRICE_PATH
from patterns.core.errors import AgentsError, BudgetExceededError, CancelledRunError, LimitReachedError, ParkedError
from patterns.core.events import StopReason
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.questions import Decision, Question
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import EarlierCall
from storage.run_story import RunStory

UNTOLD = "What a refused hold said is kept in the result alone."
"""Stands in a replayed result for words of the ledger that are no journalled step."""
REFUSAL = "refusal/"


class CutShortError(AgentsError):
    """The run ended here: its process was gone, or an error that no journal has."""


class ReplayPorts:
    """The ports `Journal`, `Ledger` and `Decisions` over a story. `differences` grow while patterns use them.

    Decisions under `hidden` paths are taken anew and compared; the others are returned as they were. Without
    `knows_prices`, as of runs that did not keep which models they had, what depends on a price is not compared;
    `has_other_price` then tells that it came out otherwise.
    """

    def __init__(self, story: RunStory, *, hidden: frozenset[str], knows_prices: bool = True) -> None:
        self.story = story
        self.differences: list[Difference] = []
        self.reached: set[str] = set()
        self.compared = 0
        self.has_other_price = False
        self._knows_prices = knows_prices
        self._hidden = hidden
        self._records = {step.path: step.record for step in (*story.decisions, *story.steps) if step.record is not None}
        self._questions = {asked.path: asked for asked in story.questions}
        self._reserved = {call.path for call in story.reservations}

    # ------------------------------------------------------------ journal

    async def find(self, run_id: str, path: str) -> StepRecord | None:  # noqa: ARG002 - the port's shape
        """Return what the journal has under a path, unless it is to be decided anew."""
        if path in self._hidden:
            return None
        found = self._records.get(path)
        if found is not None:
            self.reached.add(path)
        return found

    async def record(self, fence: Fence, step: StepRecord) -> StepRecord:  # noqa: ARG002 - the port's shape
        """Compare a decision with the journalled one, byte for byte, and return that; nothing is written.

        Raises:
            CancelledRunError, CutShortError: the run had ended before it was taken.
        """
        known = self._records.get(step.path)
        self.reached.add(step.path)
        if known is None:
            if step.path.startswith(REFUSAL):
                return step
            self._check_went_on()
            self._differs("decision", step.path, f"is decided now ({decision_said(step)}) and was not then")
            return step
        self.compared += 1
        if _bytes(step) != _bytes(known):
            if step.path == PRICE_PATH and not self._knows_prices:
                self.has_other_price = True
            else:
                was, now = decision_said(known), decision_said(step)
                self._differs("decision", step.path, f"was {was} and is {now} now" if was != now else "is another now")
        return known

    def _check_went_on(self) -> None:
        """Raise where the run was stopped or broke off; nothing after that is in its journal."""
        reason = self.story.run.stop_reason
        if reason == StopReason.CANCELLED:
            raise CancelledRunError
        if reason == StopReason.FAILED:
            raise CutShortError

    # ------------------------------------------------------------ money

    async def hold(self, request: HoldRequest) -> Hold:
        """End a step that the journal does not have as it ended then; never return.

        Raises:
            BudgetExceededError, LimitReachedError, CancelledRunError, CutShortError: as the run's end tells.
        """
        run = self.story.run
        step = self.story.step(request.path)
        if run.stop_reason == StopReason.CANCELLED:
            raise CancelledRunError
        is_voice = "broadcast/" in request.path and "/synthesis/" not in request.path
        if step is not None and step.calls and is_voice:
            await asyncio.Event().wait()  # a voice that was under way when too many others had failed: they stop it
        self._check_went_on()
        if run.stop_reason == StopReason.TIMEOUT:
            raise LimitReachedError("The time for this run is over.", limit=Reason.RUN_S)
        refusal = next((self._records[path] for path in reversed(self._records) if path.startswith(REFUSAL)), None)
        kind, blocked = (refusal.data["kind"], refusal.data["blocked"]) if refusal else ("run", "")
        raise BudgetExceededError(UNTOLD, kind=kind, key="", blocked=Reason(blocked) if blocked else None)

    async def reserve_many(self, requests: Sequence[ReserveRequest], *, joined: bool = False) -> list[Hold]:  # noqa: ARG002 - the port's shape
        """Grant reservations that were granted then.

        Raises:
            BudgetExceededError: they were refused then.
            CancelledRunError, CutShortError: the run had ended before.
        """
        if any(request.path not in self._reserved for request in requests):
            self._check_went_on()
            raise BudgetExceededError(UNTOLD, kind="run", key="")
        return [Hold(request.call_id, request.amount_nusd) for request in requests]

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:  # noqa: ARG002 - the port's shape
        """Settle nothing."""
        return Settlement(0, 0)

    def is_refused(self, reservation: Hold) -> bool:  # noqa: ARG002 - the port's shape
        """Return False: a refusal was raised."""
        return False

    async def release(self, holds: Sequence[Hold]) -> None:
        """Release nothing."""

    async def earlier_calls(self, run_id: str, path: str) -> Sequence[EarlierCall]:  # noqa: ARG002 - the port's shape
        """Return none: nothing is about to be sent."""
        return ()

    # ------------------------------------------------------------ people

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:  # noqa: ARG002 - the port's shape
        """Return what was decided then.

        Raises:
            ParkedError: nothing was, or nobody was asked.
            CancelledRunError, CutShortError: the run had ended before they could be asked.
        """
        asked = self._questions.get(path)
        if asked is None or asked.decision is None:
            if asked is None:
                self._check_went_on()
                self._differs("decision", path, "people are asked now and were not then")
            raise ParkedError(path)
        self.reached.add(path)
        self.compared += 1
        is_price = path == CONFIRM_PATH and not self._knows_prices
        if not is_price and asked.question.model_dump_json() != question.model_dump_json():
            self._differs("decision", path, "people are asked something else than they were then")
        return asked.decision

    def was_asked(self, path: str) -> bool:
        """Return whether people were asked under a path."""
        return path in self._questions

    def _differs(self, kind: str, where: str, what: str) -> None:
        self.differences.append(Difference(kind, where, what))


def _bytes(step: StepRecord) -> bytes:
    """Return what is compared of a decision: all of it, but for what other runs decide of a price."""
    data = dict(step.data)
    if step.path == PRICE_PATH:
        data.pop("expected_nusd", None)  # from the history of other runs, which has grown since
    return step.model_copy(update={"data": dict(sorted(data.items()))}).model_dump_json().encode()

"""Going on with a search that its provider paused: the same step, each continuation held before it is sent."""

import json
from dataclasses import dataclass, replace

from patterns.attempts import Attempts
from patterns.charges import charge_for_answer
from patterns.core.calls import Completion, Message, PreparedCall
from patterns.core.errors import BudgetExceededError, CircuitOpenError, LimitReachedError, ModelError
from patterns.core.holds import Charged, Hold
from patterns.core.reasons import Reason
from patterns.core.web_search import WebFindings, WebSearch
from patterns.retries import TRIES_PER_MODEL

PAUSES_MAX = 4
"""Times that one attempt is continued."""
PARAGRAPH = "\n\n"
_PLACE = "(paused)"
"""Stands where the blocks go, while a request is translated."""


@dataclass
class PausedSearch(Attempts):
    """The attempts of a step that may search. What goes on with a paused one has the money of the tries it replaces."""

    async def _whole(
        self, completion: Completion, call: PreparedCall, hold: Hold
    ) -> tuple[Completion, PreparedCall, Hold]:
        """Return the answer with what continues it, and the call and the hold that are still to be settled.

        Where the money, the time or the searches of the step are over, what was said until then is the answer.
        """
        most_nusd, allowed = TRIES_PER_MODEL * call.bound_nusd, call.request.search
        for _ in range(PAUSES_MAX):
            if completion.finish_reason != "paused" or not completion.thinking:
                break
            charged = charge_for_answer(completion, call, hold)
            following = self._following(completion, call, allowed)
            paid_nusd = self.cost_nusd + charged.actual_nusd
            if following is None or paid_nusd + following.bound_nusd > most_nusd:
                break
            try:
                with self.client.circuit(call.request.model).passage(call.request.model):
                    held = await self._held(following, hold, charged)
                    if held is None:
                        break
                    call, hold = following, held
                    completion = joined(completion, await self._went_on(call, hold), call)
            except CircuitOpenError:
                break
        return completion, call, hold

    def _following(self, paused: Completion, call: PreparedCall, allowed: WebSearch | None) -> PreparedCall | None:
        """Return the request that goes on, with what is left of the searches that its first part was allowed.

        None where nothing can go on: a paused turn goes back with its tools, and these have no maximum of 0.
        """
        made = paused.found.searches if paused.found else 0
        search = replace(allowed, searches_max=allowed.searches_max - made) if allowed else None
        if search is not None and search.searches_max < 1:
            return None
        messages = [one for one in call.request.messages if not one.is_paused]
        try:
            timeout_s = self._timeout_s()
            request = replace(
                call.request,
                messages=(*messages, Message("assistant", _PLACE, thinking=paused.thinking, is_paused=True)),
                search=search,
                timeout_s=timeout_s,
                idle_timeout_s=min(call.request.idle_timeout_s, timeout_s),
            )
            return self.prepared(request.model, request)
        except (LimitReachedError, ModelError):
            return None

    async def _held(self, following: PreparedCall, before: Hold, charged: Charged) -> Hold | None:
        """Hold what goes on, and settle the paused call, also where it is stopped there; None where it is refused."""
        try:
            held = await self._hold(following)
        except (BudgetExceededError, LimitReachedError):
            return None
        except BaseException:
            await self._settle(before, charged, None)
            raise
        self._doubt(charged)
        try:
            await self._settle(before, charged, None)
        except BaseException:
            await self._settle(held, Charged("released", 0, reason=Reason.NEVER_SENT), None)
            raise
        return held

    async def _went_on(self, call: PreparedCall, hold: Hold) -> Completion:
        """Return what continues the answer; a failure is not tried again, for the money of that is spent."""
        if self.shown:
            self._tell(PARAGRAPH)
        try:
            return await self._completion(call, hold)
        except ModelError as error:
            error.retryable = False
            raise


def joined(first: Completion, then: Completion, call: PreparedCall) -> Completion:
    """Return two parts of an answer as one, with the bill of the second alone; `call` brought that."""
    is_text = call.request.schema is None and first.text.strip() and then.text.strip()
    text = f"{first.text}{PARAGRAPH if is_text else ''}{then.text}"
    return replace(then, text=text, found=_both(first.found, then.found), thinking=_all_blocks(first, then))


def _all_blocks(first: Completion, then: Completion) -> str:
    """Return the blocks of both parts, which are one turn of the model, where the second is paused too."""
    if not then.thinking:
        return ""
    before, after = json.loads(first.thinking), json.loads(then.thinking)
    return json.dumps({**after, "paused": [*before["paused"], *after["paused"]]}, ensure_ascii=False)


def _both(first: WebFindings | None, then: WebFindings | None) -> WebFindings | None:
    if first is None or then is None:
        return first or then
    parts = {
        name: tuple(dict.fromkeys((*getattr(first, name), *getattr(then, name))))
        for name in ("queries", "cited", "read", "errors")
    }
    return WebFindings(searches=first.searches + then.searches, **parts)

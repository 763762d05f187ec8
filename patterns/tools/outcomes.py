"""What became of a call that nobody knows about: a person says, before it is made again or the agent goes on."""

from collections.abc import Sequence

from patterns.core.questions import Question
from patterns.core.tools import EarlierCall
from patterns.services import Services, join
from patterns.tools.approvals import APPROVAL_S, REMINDER_S, asked
from patterns.tools.judging import Judged

LEASE_MARGIN_S = 4.0
"""By how much the lease of the run outlasts a call that acts, when its money is held."""
UNKNOWN = (
    "Nobody knows whether this was done: the connection broke off before an answer came. Do not call it again; say"
    " plainly that it is not known."
)
DONE = "A person has looked and says that this was done. What it returned is not known."
SAID = {DONE: {"said": "done"}, UNKNOWN: {"said": "unknown"}}
"""What a call's record keeps of it, for those who read what became of the call."""


async def said_about_earlier(services: Services, agent: str, path: str, one: Judged) -> str | None:
    """Return what the agent is told of earlier calls of a path; None when the call may be sent.

    A person is asked, no sooner than each of them must have ended, so that "it was not done" stays true. Their number
    is in the question's path: another interruption is another question.

    Raises:
        ParkedError: nobody has said yet.
    """
    earlier = await services.ledger.earlier_calls(services.fence.run_id, path)
    if not earlier or one.tool is None:
        return None
    spec = one.tool.spec
    await _until_over(services, earlier, spec.timeout_s)
    question = Question(
        kind="outcome",
        title=spec.name,
        deadline_s=APPROVAL_S,
        reminder_s=REMINDER_S,
        approvers=spec.approvers,
        calls=(asked(agent, one),),
        approve_by=spec.approve_by,
    )
    at = join(path, "outcome", *([len(earlier)] if len(earlier) > 1 else []))
    decision = await services.decisions.ask(services.fence, at, question)
    if decision.verdict == "again":
        return None
    return DONE if decision.verdict == "done" else UNKNOWN


async def _until_over(services: Services, earlier: Sequence[EarlierCall], timeout_s: float) -> None:
    """Wait until calls that may have been sent are over: their lease and their timeout have passed."""
    over_us = max(one.opened_us for one in earlier) + int((timeout_s + LEASE_MARGIN_S) * 1_000_000)
    left_s = (over_us - services.clock.now_us()) / 1_000_000
    if left_s > 0:
        await services.clock.sleep(min(left_s, timeout_s + LEASE_MARGIN_S))

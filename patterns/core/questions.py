"""What people are asked while a run waits, and what they decide."""

from typing import Literal

from patterns.core.context import Frozen
from patterns.core.tools import AskedCall


class Question(Frozen):
    """What people are asked: to review a draft, confirm a price or grant more money; `line` waits for money unasked.

    `tool` asks whether the `calls` of one turn may be made, `outcome` whether a call that nobody knows about was done.
    `amount_nusd` is what saying yes can cost, `approvers` are people who may decide besides the asker and admins; of
    tools, `approve_by` says who may: the asker, any other, the owner, or only the `approvers` ("named").
    `form` is what the server of a tool asks: `draft` is that form as JSON.
    """

    kind: Literal["approve", "feedback", "confirm", "money", "line", "tool", "outcome", "form"]
    title: str
    draft: str = ""
    verdict: str = ""
    round: int = 0
    amount_nusd: int = 0
    deadline_s: int = 0
    reminder_s: int = 0
    approvers: tuple[str, ...] = ()
    calls: tuple[AskedCall, ...] = ()
    approve_by: Literal["asker", "other", "owner", "named"] = "asker"


DecisionVerdict = Literal[
    "approve",
    "changes",
    "edit",
    "stop",
    "run",
    "instead",
    "cancel",
    "expired",
    "none",
    "deny",
    "done",
    "again",
    "answer",
]
"""What a person, or time, decided about a question. Of tools: approve, deny (`text` says why); of an unknown outcome:
it was done, or do it again; of a form: its answer (`text` is that as JSON), or deny."""


Scope = Literal["once", "run", "standing"]
"""What the approval of a tool covers: this call, further calls of it in this run, or all of them in the channel."""


class Decision(Frozen):
    """What a person decided, kept as the journal step of the question's path.

    `none` lets a review go on without a comment; without a `user` it means that nobody needs to decide any more.
    `scope` belongs to the approval of a tool.
    """

    verdict: DecisionVerdict
    text: str = ""
    user: str = ""
    at_us: int = 0
    scope: Scope = "once"

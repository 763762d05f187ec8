"""Who may let a tool act: the roster says who, the table in `permissions` where, and whoever clicks is looked up."""

from dataclasses import dataclass

from bot.people.access import Access
from bot.people.permissions import Action
from patterns.core.questions import Question
from storage.run_rows import RunRow

ACTIONS = frozenset({"tool", "outcome", "form"})
"""Kinds of questions about what tools do in the world."""
_ACTION = {
    "asker": Action.DECIDE,
    "other": Action.APPROVE_OTHERS,
    "owner": Action.APPROVE_AS_OWNER,
    "named": Action.APPROVE_AS_NAMED,
}
_WHO = {
    "asker": "Only the person who asked and admins can decide that.",
    "other": "Somebody else than the person who asked has to decide that.",
    "owner": "Only the owners of this channel's budget and admins can decide that.",
    "named": "Only the people whom the roster names for it can decide that.",
}


@dataclass(frozen=True, slots=True)
class ToolApprovers:
    """Decides who may decide about a tool."""

    access: Access

    async def may(self, user: str, run: RunRow, question: Question) -> bool:
        """Return whether somebody may answer a question about tools of a run.

        Raises:
            LookupFailedError: Slack could not be asked.
        """
        if question.kind == "form" and user == run.user:
            return True  # whoever asked knows best what was meant; a form approves nothing
        if question.approve_by == "other" and user == run.user:
            return False
        is_own = user in question.approvers if question.approve_by == "named" else user == run.user
        action = _ACTION[question.approve_by]
        return await self.access.may(user, action, workspace=run.workspace, channel=run.channel, is_own=is_own)

    async def require_standing(self, user: str, run: RunRow) -> None:
        """Check that somebody may say that a tool need not ask in a channel any more.

        Raises:
            AccessError: they may not.
        """
        await self.access.admit(
            workspace=run.workspace, channel=run.channel, user=user, action=Action.CHANGE_TOOLS, is_claimed=True
        )


def who_decides(question: Question) -> str:
    """Return the sentence for those who may not."""
    if question.kind == "form":
        return "Only the person who asked and those who may approve the tool can answer that."
    return _WHO[question.approve_by]

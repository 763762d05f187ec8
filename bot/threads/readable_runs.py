"""The runs that a person may read: asked for by an id that anybody can send, and that therefore grants nothing."""

from dataclasses import dataclass

from bot.commands.origin import Origin
from bot.people.access import Access
from bot.people.permissions import Action
from patterns.core.errors import UserError
from storage.audit import AuditLog
from storage.run_reader import BEGINNING_MIN
from storage.run_rows import RunRow
from storage.runs import RunStore

UNKNOWN = "That run is not known here."
"""Whether it is not there or not for them is nobody's business."""
TOO_SHORT = "Write at least four characters of the id."


@dataclass(frozen=True, slots=True)
class ReadableRuns:
    """Looks up runs for those who may read them where they were asked."""

    store: RunStore
    access: Access
    audit: AuditLog

    async def find(self, run_id: str, by: Origin, *, reads: bool = True) -> RunRow:
        """Return a run by its id or a unique beginning of it; an admin who `reads` another's stands in the audit log.

        Raises:
            UserError: there is none of that id, or it is not for them, in one sentence; or it is too short.
        """
        if len(run_id) < BEGINNING_MIN:
            raise UserError(TOO_SHORT)
        meant = await self.store.meant(run_id, workspace=by.workspace)
        if len(meant) != 1:
            raise UserError(UNKNOWN)
        run = meant[0]
        where = {"workspace": by.workspace, "channel": run.channel}
        if not await self.access.may(by.user, Action.READ_RUN, **where, is_own=run.user == by.user):
            raise UserError(UNKNOWN)
        if reads and run.user != by.user and await self.access.is_admin(by.user, workspace=by.workspace):
            after = {"run": run.id, "asker": run.user}
            await self.audit.record(
                by.workspace, actor=by.user, action="read_request", subject=run.channel, after=after
            )
        return run

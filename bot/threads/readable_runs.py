"""The runs that a person may read: asked for by an id that anybody can send, and that therefore grants nothing."""

from dataclasses import dataclass

from bot.commands.origin import Origin
from bot.people.access import Access
from bot.people.permissions import Action
from bot.runs.named_run import named_run
from patterns.core.errors import UserError
from storage.audit import AuditLog
from storage.run_rows import RunRow
from storage.runs import RunStore

UNKNOWN = "That run is not known here."
"""Whether it is not there or not for them is nobody's business."""


@dataclass(frozen=True, slots=True)
class ReadableRuns:
    """Looks up runs for those who may read them where they were asked."""

    store: RunStore
    access: Access
    audit: AuditLog

    async def named(self, run_id: str, by: Origin, *, unknown: str) -> RunRow:
        """Return the run of an id, or the one that a beginning names among their own and those of where they stand.

        Raises:
            UserError: there is none, in the `unknown` sentence; or it names no single one.
        """
        channel = "" if by.is_claimed else by.channel
        return await named_run(
            self.store, run_id, workspace=by.workspace, channel=channel, user=by.user, unknown=unknown
        )

    async def may_read(self, run: RunRow, by: Origin) -> bool:
        """Return whether a run is for them to read, wherever they stand."""
        where = {"workspace": by.workspace, "channel": run.channel}
        return await self.access.may(by.user, Action.READ_RUN, **where, is_own=run.user == by.user)

    async def find(self, run_id: str, by: Origin, *, reads: bool = True) -> RunRow:
        """Return a run by its id or a unique beginning of it; an admin who `reads` another's stands in the audit log.

        Raises:
            UserError: there is none of that id, or it is not for them, in one sentence; or it names no single one.
        """
        run = await self.named(run_id, by, unknown=UNKNOWN)
        if not await self.may_read(run, by):
            raise UserError(UNKNOWN)
        if reads and run.user != by.user and await self.access.is_admin(by.user, workspace=by.workspace):
            after = {"run": run.id, "asker": run.user}
            await self.audit.record(
                by.workspace, actor=by.user, action="read_request", subject=run.channel, after=after
            )
        return run

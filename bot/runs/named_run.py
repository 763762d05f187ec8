"""A run that somebody names: by its id, or by as much of it as no other one that is theirs to see begins with."""

from patterns.core.errors import UserError
from storage.run_reader import BEGINNING_MIN
from storage.run_rows import RunRow
from storage.runs import RunStore

TOO_SHORT = f"Write at least {BEGINNING_MIN} characters of the id."


async def named_run(
    store: RunStore, said: str, *, workspace: str = "", channel: str = "", user: str = "", unknown: str
) -> RunRow:
    """Return the run that is meant, of any workspace when none is given.

    A beginning is looked for, and counted, among the runs of that channel and of that person only.

    Raises:
        UserError: there is none, in the `unknown` sentence; or several begin like that; or it is too short to tell.
    """
    beginning = said.strip().lower()
    if len(beginning) < BEGINNING_MIN:
        raise UserError(TOO_SHORT)
    run, fits = await store.named(beginning, workspace=workspace, channel=channel, user=user)
    if run is None:
        raise UserError(f"That beginning fits {fits} requests; give more of it." if fits else unknown)
    return run

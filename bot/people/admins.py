"""Admins besides Slack's own: those named by the operator, and the installer of the app."""

from collections.abc import Awaitable, Callable, Collection


class Admins:
    """The people of AGENTS_ADMINS (`U…`, or `T…:U…` for one workspace only) and the installer of each workspace.

    The installer is a natural first admin: nobody else may know of the app yet.
    """

    def __init__(self, named: Collection[str] = (), installer: Callable[[str], Awaitable[str]] | None = None) -> None:
        self._named = sorted(entry.rpartition(":") for entry in named)
        self._installer = installer

    async def of(self, workspace: str) -> list[str]:
        """Return the ids of a workspace's admins besides Slack's own; the first is the one to ask for budget."""
        named = [user for place, _, user in self._named if place in ("", workspace)]
        installer = await self._installer(workspace) if self._installer else ""
        return named if not installer or installer in named else [*named, installer]

"""Who administers a workspace besides those Slack calls its admins: whom the operator named, and who installed us."""

from collections.abc import Awaitable, Callable, Collection


class Admins:
    """The people of AGENTS_ADMINS, `U…` or `T…:U…` for one workspace only, and the installer of each workspace.

    Whoever installed the app is a natural first admin: they brought it, and nobody else may know of it yet.
    """

    def __init__(self, named: Collection[str] = (), installer: Callable[[str], Awaitable[str]] | None = None) -> None:
        self._named = sorted(entry.rpartition(":") for entry in named)
        self._installer = installer

    async def of(self, workspace: str) -> list[str]:
        """Their ids in that workspace; the first is whom to ask for money."""
        named = [user for place, _, user in self._named if place in ("", workspace)]
        installer = await self._installer(workspace) if self._installer else ""
        return named if not installer or installer in named else [*named, installer]

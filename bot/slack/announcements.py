"""Unrequested announcements, exactly once per key over processes and crashes, retried until Slack accepts them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

import structlog

from bot.messages.views import SlackMessage
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from storage.chores import Chores

log = structlog.get_logger()


@dataclass(frozen=True)
class OnceOnlyAnnouncements:
    """Posts announcements that are identified by keys. `by` names this process in claims.

    A claim keeps other processes away while we post and expires when we die; the outbox finds a post that had arrived
    by then.
    """

    slack: Slack
    chores: Chores
    by: str
    _announced: set[str] = field(default_factory=set, init=False)

    async def unannounced(self, keys: Sequence[str]) -> list[str]:
        """Return the keys that have not been announced yet, in order."""
        rest = [key for key in keys if key not in self._announced]
        if rest:
            self._announced.update(await self.chores.finished(rest))
        return [key for key in rest if key not in self._announced]

    async def once(self, keys: Sequence[str], post: Callable[[str], Awaitable[object]]) -> None:
        """Post one message that settles all keys; the last key names it and is passed to `post`."""
        name = keys[-1]
        if not await self.chores.lease(name, by=self.by):
            return
        try:
            await post(name)
        except SlackError as error:
            log.warning("announcement_not_posted", key=name, code=error.code)
            if error.kind == "unreachable":
                await self.chores.release(name)
            return  # refused: tried again when the claim has expired, while it is still due
        await self.chores.finish(keys, by=self.by)
        self._announced.update(keys)

    async def settle(self, keys: Sequence[str]) -> None:
        """Take keys as announced without a message: there is nothing to tell any more."""
        if await self.chores.lease(keys[-1], by=self.by):
            await self.chores.finish(keys, by=self.by)
            self._announced.update(keys)

    async def announce(
        self,
        keys: Sequence[str],
        message: SlackMessage,
        *,
        workspace: str,
        channels: Collection[str] = (),
        users: Collection[str] = (),
    ) -> None:
        """Post a message to channels and people; one that cannot be reached does not keep it from the others."""

        async def post(name: str) -> None:
            out = self.slack.of(workspace)
            refusals: list[SlackError] = []
            for place in (*channels, *users):
                try:
                    channel = await out.open_dm(place) if place in users else place
                    await out.post_once(name, channel, channel=channel, message=message)
                except SlackError as error:
                    if error.kind == "unreachable":
                        raise
                    log.warning("announcement_rejected", key=name, place=place, code=error.code)
                    refusals.append(error)
            if refusals and len(refusals) == len(channels) + len(users):
                raise refusals[0]

        if not channels and not users:
            log.warning("announcement_without_recipients", keys=list(keys))
        await self.once(keys, post)

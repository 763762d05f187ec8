"""Who may read a conversation, as Slack itself decides: we never open a channel to others."""

from dataclasses import dataclass

from bot.people.directory import Directory
from bot.people.permissions import Role, Site, role_of, site_of

_GO_ANYWHERE = frozenset({Role.MEMBER, Role.OWNER, Role.ADMIN})
"""Those who can open every public channel; guests and people of other organisations see only where they are."""


@dataclass(frozen=True, slots=True)
class ConversationMembership:
    """Asks Slack about memberships."""

    directory: Directory

    async def refusal(self, user: str, channel: str, *, workspace: str) -> str:
        """Return why somebody may not read what is in a conversation; empty when they may.

        Raises:
            AccessError: Slack could not be asked.
        """
        place = await self.directory.channel(channel, workspace=workspace)
        if place is None:
            return "I am not in its channel"
        if place.get("is_im"):
            return "" if place.get("user") == user else "it is from somebody else's direct messages"
        role = role_of(await self.directory.user(user, workspace=workspace), workspace=workspace)
        is_open = site_of(place) is Site.PUBLIC or (site_of(place) is Site.SHARED and not place.get("is_private"))
        if is_open and role in _GO_ANYWHERE:
            return ""
        is_in = role is not Role.NOBODY and await self.directory.is_member(user, channel, workspace=workspace)
        return "" if is_in else "you are not in its channel"

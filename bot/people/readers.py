"""Who may read a conversation, as Slack itself decides: we never open a channel to others."""

from dataclasses import dataclass

from bot.people.access import Directory
from bot.slack.workspaces import Slack

PAGE = 200
MEMBER_PAGES_MAX = 20


@dataclass(frozen=True, slots=True)
class ConversationMembership:
    """Asks Slack about memberships."""

    slack: Slack
    directory: Directory

    async def refusal(self, user: str, channel: str, *, workspace: str) -> str:
        """Return why a person may not read a conversation; empty when they may.

        Raises:
            AccessError, SlackError: Slack could not be asked.
        """
        place = await self.directory.channel(channel, workspace=workspace)
        if place is None:
            return "I am not in its channel"
        if place.get("is_im"):
            return "" if place.get("user") == user else "it is from somebody else's direct messages"
        person = await self.directory.user(user, workspace=workspace)
        is_guest = person.get("is_restricted") or person.get("is_ultra_restricted")
        is_open = not (place.get("is_private") or place.get("is_mpim") or place.get("is_group"))
        if (is_open and not is_guest) or await self._is_member(user, channel, workspace):
            return ""
        return "you are not in its channel"

    async def _is_member(self, user: str, channel: str, workspace: str) -> bool:
        cursor = ""
        for _ in range(MEMBER_PAGES_MAX):
            more = {"cursor": cursor} if cursor else {}
            page = await self.slack.of(workspace).call("conversations.members", channel=channel, limit=PAGE, **more)
            if user in page["members"]:
                return True
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        return False

"""Everything that knows who somebody is, and with which token we speak to them, put together."""

from functools import cached_property

from slack_sdk.web.async_client import AsyncWebClient

from bot.people.access import Access
from bot.people.admins import Admins
from bot.people.directory import SlackDirectory
from bot.people.profiles import ProfileLookup
from bot.people.readers import ConversationMembership
from bot.runs.engine import Engine
from bot.slack.token_rotation import TokenRotation
from bot.slack.workspaces import InstalledTokens, OneToken
from bot.stores import Stores


class Identity:
    """Tokens of workspaces, people and their rights; each part is built once, on first use."""

    def __init__(self, engine: Engine, stores: Stores, client: AsyncWebClient) -> None:
        self._engine = engine
        self._stores = stores
        self._client = client

    @cached_property
    def tokens(self) -> OneToken | InstalledTokens:
        """Return the bot tokens, by workspace."""
        settings = self._engine.settings
        if self._stores.installations is None:
            return OneToken(settings.slack_bot_token.get_secret_value())
        renewal = TokenRotation(self._stores.installations, self._client, settings, self._engine.clock)
        return InstalledTokens(self._stores.installations, renewal)

    @cached_property
    def access(self) -> Access:
        """Return the authorization rules."""
        return Access(self.directory, self._stores.rules, admins=self._admins)

    @cached_property
    def directory(self) -> SlackDirectory:
        """Return what Slack says about people and conversations."""
        return SlackDirectory(self._client, self.tokens)

    @cached_property
    def _admins(self) -> Admins:
        installer = self._stores.installations.installer if self._stores.installations else None
        return Admins(self._engine.settings.admins, installer)

    @cached_property
    def profiles(self) -> ProfileLookup:
        """Return who somebody is, with what their budgets show."""
        is_play_money = bool(self._engine.choice and self._engine.choice.is_play_money)
        return ProfileLookup(self._engine.balances, self.directory, self._admins, is_play_money=is_play_money)

    @cached_property
    def membership(self) -> ConversationMembership:
        """Return who reads along in a conversation."""
        return ConversationMembership(self.directory)

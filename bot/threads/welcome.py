"""The greeting of a channel the bot was invited to: who it is, once; the settings, to who invited it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.budgets.new_channels import ChannelOpenings
from bot.messages.renderer import Renderer
from bot.messages.welcome_text import stored
from bot.messages.welcome_views import SettingsView, WelcomeView
from bot.runs.engine import Engine
from bot.slack.announcements import OnceOnlyAnnouncements
from patterns.core.holds import Payer

_HOSTS = {
    "api.openai.com": "OpenAI",
    "api.anthropic.com": "Anthropic",
    "generativelanguage.googleapis.com": "Google",
    "openrouter.ai": "OpenRouter",
    "api.x.ai": "xAI",
}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_THIS_MACHINE = "a model on the machine that runs me"


@dataclass(frozen=True)
class Welcome:
    """The port `Greeter` of the listeners."""

    engine: Engine
    openings: ChannelOpenings
    announcements: OnceOnlyAnnouncements
    renderer: Renderer

    async def invited(self, *, workspace: str, channel: str, inviter: str) -> None:
        """Greet a channel that never saw us, and open it; a channel that knows us hears nothing."""
        hello, private = (f"{name}/{workspace}/{channel}" for name in ("welcome", "welcome-settings"))
        missing = await self.announcements.unannounced([hello, private])
        if missing == [hello, private] and await self.openings.store.is_known(workspace, channel):
            await self.announcements.settle([hello, private])
            missing = []
        if hello in missing:
            await self.engine.client.warm()
            message = self.renderer.message(WelcomeView(self.providers(), self._kept_days))
            await self.announcements.announce([hello], message, workspace=workspace, channels=[channel])
        # The greeting is told first: what is opened here makes the channel one that is known.
        await self.openings.invited_by(inviter, workspace=workspace, channel=channel)
        if private in missing and inviter:
            message = self.renderer.message(await self._settings(workspace, channel, inviter))
            await self.announcements.announce([private], message, workspace=workspace, users=[inviter])

    async def _settings(self, workspace: str, channel: str, inviter: str) -> SettingsView:
        payer = Payer(workspace, channel, "channel", inviter)
        opening = await self.openings.find(payer)
        balance = await self.openings.profiles.balance(payer)
        return SettingsView(
            channel=channel,
            name=balance.name,
            limit_nusd=balance.limit_nusd,
            usual_nusd=await self.openings.usual_nusd(workspace),
            opening=opening.state if opening else "on",
            may_change=await self.openings.access.may_administer(inviter, workspace=workspace, channel=channel),
            owner=await self.openings.profiles.owner(workspace),
        )

    async def what_is_stored(self) -> str:
        """Return what is kept of what people write, where it goes, and for how long."""
        await self.engine.client.warm()
        return stored(self.providers(), self._kept_days)

    @property
    def _kept_days(self) -> int:
        return self.engine.settings.retention.texts

    def providers(self) -> tuple[str, ...]:
        """Return who gets the text of people, in the words they know."""
        choice = self.engine.choice
        if choice is not None and (choice.is_tiny or choice.script is not None):
            return (_THIS_MACHINE,)
        roster = self.engine.roster
        asked = dict.fromkeys([*(agent.model for agent in roster.agents.values()), roster.router.model])
        return tuple(dict.fromkeys(self._provider(model) for model in asked))

    def _provider(self, model: str) -> str:
        listing = self.engine.client.listing(model)
        if listing is None:
            return self.engine.roster.models[model].model.partition("/")[0]
        host = urlsplit(listing[0]).hostname or ""
        return _THIS_MACHINE if host in _HERE else _HOSTS.get(host, host)

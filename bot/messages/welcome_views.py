"""What a channel and its inviter read when the bot is invited, as frozen values with raw text."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.messages.views import Person, View


@dataclass(frozen=True, slots=True)
class WelcomeView(View):
    """Who we are, for everybody in a channel. `providers` get what people write to us."""

    template: ClassVar = "welcome"
    providers: tuple[str, ...]
    kept_days: int
    command: str = "/agents"


@dataclass(frozen=True, slots=True)
class SettingsView(View):
    """What holds in a channel, for the person who invited us there. Amounts are a month's, in nano-dollars."""

    template: ClassVar = "invited"
    channel: str
    name: str
    limit_nusd: int
    usual_nusd: int
    opening: Literal["on", "trial", "off"]
    may_change: bool
    owner: Person | None = None

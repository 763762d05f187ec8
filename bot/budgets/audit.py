"""The audit log of a place as people read it: names, dates and dollars, no ids, stamps or fields of the database."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.messages.budget_views import AuditLine, AuditView
from bot.messages.run_text import date_and_time
from bot.people.profiles import ProfileLookup
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from storage.ledger.reports import Reports

_SHOWN = 20
_ACTORS = {"ledger": "The ledger", "shell": "Somebody in a shell", "slack": "Slack", "agents": "Agents"}
_ACTIONS = {
    "set_limit": "changed the monthly limit",
    "set_user_cap": "changed what one person may spend a month",
    "set_alerts": "changed when people are told",
    "set_zone": "changed the time zone of the month",
    "set_defaults": "changed what holds for every channel",
    "freeze": "froze the budget",
    "unfreeze": "unfroze the budget",
    "pause": "paused the whole workspace",
    "resume": "resumed the whole workspace",
    "grant": "granted money for one month",
    "release_uncertain": "released an uncertain call",
    "lift_quarantine": "allowed a model again",
    "quarantine": "set a model aside",
    "settle_late": "counted a bill that came late",
    "settle_released": "counted the bill of a released call",
    "enable channel": "enabled the channel",
    "channel settings": "changed the settings",
    "grant tool": "allowed a tool to act without asking",
    "revoke tool": "had a tool ask again",
    "installed": "installed the app",
    "uninstalled": "removed the app",
}
_FIELDS = {
    # The action says what these are.
    "limit_nusd": "",
    "user_cap_nusd": "",
    "alerts_json": "",
    "zone": "",
    "next_zone": "from the next month on",
    "default_channel_nusd": "limit of a channel",
    "dm_user_nusd": "direct messages of one person",
    "granted_nusd": "granted in all",
    "actual_nusd": "counted",
    "allowance_pct": "share of the expected price that is held",
    "digest": "Monday summary",
    "models": "where text may go",
    "guests": "guests may ask",
    "external": "people of other organisations may ask",
    "owners": "budget owners",
    "people": "who may ask by name",
    "who": "who may ask",
    "flow": "usual flow",
    "replies": "replies that go on",
    "quiet": "shows little progress",
    "opening": "new channel",
    "tool": "",
    "tools": "tools for the channel",
    "tools_for": "who has tools",
    "tools_people": "who has tools by name",
    "tools_whom": "tools for others",
    "tools_outside": "tools where guests and other organisations read",
    "expires_us": "until",
}
_SAID_BY_ACTION = frozenset({"frozen", "frozen_reason", "paused", "paused_reason", "state"})
_NONE = {
    "tools": "none",
    "tools_people": "nobody",
    "user_cap_nusd": "no cap",
    "models": "all models",
    "owners": "nobody",
    "people": "nobody",
    "flow": "none",
}
_PERSON = re.compile(r"[UW][A-Z0-9]{2,}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d\S*")
_EARLIEST_US = 1_000_000_000_000_000
"""September 2001 in microseconds: a whole number above it is a time."""


async def audit_view(payer: Payer, reports: Reports, profiles: ProfileLookup) -> AuditView:
    """Return the newest entries of a place's audit log, newest first, for somebody who may read it."""

    async def name(user: str) -> str:
        return (await profiles.person(user, payer.workspace)).name

    rows = await reports.audit(payer.workspace, payer.channel, most=_SHOWN)
    lines = [await AuditWords(name).line(row) for row in rows]
    return AuditView(await profiles.place_name(payer), tuple(lines))


@dataclass(frozen=True, slots=True)
class AuditWords:
    """Puts lines into words; `name` returns a person's name by their id."""

    name: Callable[[str], Awaitable[str]]

    async def line(self, row: Mapping[str, Any]) -> AuditLine:
        """Return one line: when, who, what from which value to which, and why."""
        actor, action = str(row["actor"]), str(row["action"])
        who = _ACTORS.get(actor) or await self.name(actor)
        changes = await self._changes(json.loads(row["before_json"]), json.loads(row["after_json"]))
        what = _ACTIONS.get(action, action.replace("_", " "))
        told = f"{what}: {'; '.join(changes)}" if changes else what
        return AuditLine(date_and_time(row["at_us"]), who, told, str(row["reason"]))

    async def _changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        said = []
        for field, value in after.items():
            if before.get(field) == value or field in _SAID_BY_ACTION:
                continue
            was, now = await self._value(field, before.get(field)), await self._value(field, value)
            if was != now:
                said.append(f"{_FIELDS.get(field, field.replace('_', ' '))} {was} → {now}".lstrip())
        return said

    async def _value(self, field: str, value: object) -> str:  # noqa: PLR0911 - one line a kind of value
        if field == "alerts_json":
            return ", ".join(f"{percent} %" for percent in json.loads(str(value or "[]"))) or "the default"
        if field == "opening" and value:
            kept = value.get("state") if isinstance(value, dict) else value
            return {"on": "enabled", "trial": "on trial", "off": "not enabled"}.get(str(kept), str(kept))
        if field == "tools_whom":
            return await self._audiences(value or {})
        if isinstance(value, list | tuple):
            return ", ".join([await self._word(str(one)) for one in value]) or _NONE.get(field, "none")
        if isinstance(value, bool):
            return "yes" if value else "no"
        if value is None or value == "":
            return _NONE.get(field, "the default")
        if isinstance(value, int):
            return _number(field, value)
        return await self._word(str(value))

    async def _audiences(self, value: Any) -> str:  # noqa: ANN401 - what the setting holds, by tool
        said = [f"{tool}: {', '.join([await self._word(str(one)) for one in whom])}" for tool, whom in value.items()]
        return "; ".join(said) or "none"

    async def _word(self, text: str) -> str:
        """Return a text with a person's id as their name and a stamp as a date."""
        if _PERSON.fullmatch(text):
            return await self.name(text)
        return _STAMP.sub(_date, text)


def _number(field: str, value: int) -> str:
    if field.endswith("_nusd"):
        return format_usd(value)
    if field.endswith("_pct"):
        return f"{value} %"
    return date_and_time(value) if value > _EARLIEST_US else str(value)


def _date(found: re.Match[str]) -> str:
    try:
        at = datetime.fromisoformat(found[0])
    except ValueError:
        return found[0]
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return date_and_time(int(at.timestamp() * 1_000_000))

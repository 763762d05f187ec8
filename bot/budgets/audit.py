"""The audit log of a place in words: who changed what, when, from which value to which."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.messages.budget_views import AuditLine, AuditView
from bot.people.profiles import ProfileLookup
from patterns.core.money import format_usd
from patterns.core.ports import Payer
from storage.ledger.reports import Reports

_SHOWN = 20
_PROGRAMS = frozenset({"ledger", "shell", "slack", "agents"})
"""Actors that are no person."""


async def audit_view(payer: Payer, reports: Reports, profiles: ProfileLookup) -> AuditView:
    """Return the newest entries of a place's audit log, newest first, for somebody who may read it."""
    rows = await reports.audit(payer.workspace, payer.channel, most=_SHOWN)
    lines = [
        AuditLine(_when(row), await _who(row, payer.workspace, profiles), _sentence(row), row["reason"]) for row in rows
    ]
    return AuditView(await profiles.place_name(payer), tuple(lines))


async def _who(row: Mapping[str, Any], workspace: str, profiles: ProfileLookup) -> str:
    actor = str(row["actor"])
    return actor if actor in _PROGRAMS else (await profiles.person(actor, workspace)).name


def _when(row: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(row["at_us"] / 1_000_000, UTC)
    return f"{at.day} {at:%b %Y %H:%M}"


def _sentence(row: Mapping[str, Any]) -> str:
    """Return one line of the audit log in words: fields with their old and new values."""
    before, after = json.loads(row["before_json"]), json.loads(row["after_json"])
    parts = [
        f"{_field(name)} {_value(name, before.get(name))} → {_value(name, value)}"
        for name, value in after.items()
        if before.get(name) != value
    ]
    action = str(row["action"]).replace("_", " ")
    return f"{action}: {', '.join(parts)}" if parts else action


def _field(name: str) -> str:
    return name.removesuffix("_nusd").removesuffix("_json").removesuffix("_pct").replace("_", " ")


def _value(name: str, value: object) -> str:
    if value is None:
        return "default"
    if name.endswith("_nusd") and isinstance(value, int):
        return format_usd(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

import json
from typing import Any

import pytest

from bot.budgets.audit import AuditWords


def row(action: str, before: dict[str, Any], after: dict[str, Any], actor: str = "U0DANA") -> dict[str, Any]:
    return {
        "at_us": 1_764_424_920_000_000, "actor": actor, "action": action, "reason": "launch",
        "before_json": json.dumps(before), "after_json": json.dumps(after),
    }  # fmt: skip


async def name(user: str) -> str:
    return {"U0DANA": "Dana", "U0LEE": "Lee"}[user]


CASES = [
    ("set_limit", ({"limit_nusd": 1_500_000_000}, {"limit_nusd": None}),
     "changed the monthly limit: $1.50 → the default"),
    ("set_alerts", ({"alerts_json": "[50, 80]"}, {"alerts_json": "[95]"}),
     "changed when people are told: 50 %, 80 % → 95 %"),
    ("freeze", ({"frozen": 0, "frozen_reason": ""}, {"frozen": 1, "frozen_reason": "launch"}), "froze the budget"),
    ("channel settings", ({"owners": []}, {"owners": ["U0DANA", "U0LEE"], "guests": True}),
     "changed the settings: budget owners nobody → Dana, Lee; guests may ask the default → yes"),
    ("enable channel", ({"opening": "trial"}, {"opening": "on"}),
     "enabled the channel: new channel on trial → enabled"),
    ("read", ({}, {"at": "2026-11-29T14:02:00+00:00", "until_us": 1_764_424_920_000_000}),
     "read: at the default → 29 Nov 2026 14:02; until us the default → 29 Nov 2025 14:02"),
    ("release_uncertain", ({"actual_nusd": 90_000_000}, {"state": "released", "actual_nusd": 0}),
     "released an uncertain call: counted $0.09 → $0.00"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "change", "expected"), CASES)
async def test_a_line_says_what_changed_as_people_write_it(
    action: str, change: tuple[dict[str, Any], dict[str, Any]], expected: str
) -> None:
    line = await AuditWords(name).line(row(action, *change))
    assert (line.when, line.who, line.what, line.reason) == ("29 Nov 2025 14:02", "Dana", expected, "launch")


async def test_programs_are_named_in_words() -> None:
    assert (await AuditWords(name).line(row("freeze", {}, {}, "ledger"))).who == "The ledger"

"""Erase the reasons that a person typed for changes: their entries in the audit log stay, without the words."""

import json
from collections.abc import Collection

from storage.database.statements import Work, load

q = load("personal_data")

_COPIES = ("frozen_reason", "paused_reason")
"""Names under which an entry repeats the reason of a freeze or a pause, which may be somebody else's."""


def erase_reasons(*, workspace: str, user: str) -> Work[None]:
    """Empty a person's reasons wherever they stand; runs inside the transaction of their erasure."""
    found = yield q.reasons_of(workspace=workspace, user_id=user)
    reasons = sorted({row["reason"] for row in found})
    if not reasons:
        return
    yield q.erase_freeze_reasons(workspace=workspace, reasons=reasons)
    yield q.erase_pause_reason(workspace=workspace, reasons=reasons)
    for row in (yield q.entries_with_reasons(workspace=workspace, user_id=user)):
        reason = "" if row["actor"] == user else row["reason"]
        before, after = (_without(row[name], reasons) for name in ("before_json", "after_json"))
        if (reason, before, after) != (row["reason"], row["before_json"], row["after_json"]):
            yield q.rewrite_entry(id=row["id"], reason=reason, before_json=before, after_json=after)


def _without(text: str, reasons: Collection[str]) -> str:
    values = json.loads(text)
    copies = [name for name in _COPIES if values.get(name) in reasons]
    return json.dumps({**values, **dict.fromkeys(copies, "")}) if copies else text

"""What the runs of a month worked with: which models stood behind the names of their rosters."""

import json
from collections.abc import Mapping
from typing import Any

from storage.database.statements import Work, load

q = load("reports")
ASKED_BEFORE_US = 92 * 24 * 3600 * 1_000_000
"""How long before its first call of a month a run may have been asked: few wait for people longer."""
RUNS_SOON, RUNS_MOST = 200, 1_000_000
"""Of how many runs is looked up with what they worked: where an answer must be quick at any size, and elsewhere."""


def reading_setups(month: Mapping[str, str], *, deep: bool) -> Work[tuple[Mapping[str, Any], ...]]:
    """Return what the runs of a month worked with, as data of decisions; without `deep` only the latest runs."""
    (made,) = yield q.calls_between(**month)
    if made["first_us"] is None:
        return ()
    time = {"from_us": made["first_us"] - ASKED_BEFORE_US, "until_us": made["last_us"]}
    rows = yield q.setups_of_month(**month, **time, most=RUNS_MOST if deep else RUNS_SOON)
    return tuple(json.loads(row["data_json"]) for row in rows)

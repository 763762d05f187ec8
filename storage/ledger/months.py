"""One month of a payer as parts of reading scripts: its sums, what its runs worked with, and its calls."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patterns.core.holds import Payer
from storage.database.statements import Row, Work, load
from storage.ledger.book import QUARTER_US, account_id, payer_key

q = load("reports")
budgets = load("budgets")
ASKED_BEFORE_US = 92 * 24 * 3600 * 1_000_000
"""How long before its first call of a month a run may have been asked: few wait for people longer."""
RUNS_SOON, RUNS_MOST = 200, 2_000
"""Of how many runs of a month, the latest, is looked up with what they worked: in a quick view, and in a report. No
report may grow with the ledger; files that list every call look up each."""


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One sum of a month: calls, nano-dollars of which `uncertain_nusd` may never be billed, and tokens."""

    flow: str
    agent: str
    model: str
    user: str
    calls: int
    nusd: int
    uncertain_nusd: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Month:
    """Everything stored about one payer's month. `limit_nusd` includes grants; None: no limit is set.

    `quarters` are (start in microseconds, nano-dollars) of the quarter hours in which money was set aside. `feedback`
    are rows flow, helped, did_not: how many people said so. `setups` are what its runs worked with, data of decisions,
    and an empty one where a run, or its first owner, kept nothing.
    """

    period: str
    limit_nusd: int | None
    granted_nusd: int
    settled_nusd: int
    held_nusd: int
    spent: tuple[SpendRow, ...]
    quarters: tuple[tuple[int, int], ...]
    dearest: tuple[Row, ...]
    uncertain: tuple[Row, ...]
    overruns: tuple[Row, ...]
    history: tuple[Row, ...]
    feedback: tuple[Row, ...] = ()
    setups: tuple[Mapping[str, Any], ...] = ()


def reading_month(payer: Payer, period: str, *, dearest: int, deep: bool) -> Work[Month]:
    """Return one month of a payer; without `deep`, only sums that are quick at any size."""
    month = {"workspace": payer.workspace, "channel": payer.channel, "period": period}
    account = yield q.month_account(id=account_id(payer.workspace, payer.channel_kind, payer_key(payer), period))
    own: Row = account[0] if account else {}
    limit_nusd, granted_nusd = own.get("limit_nusd"), own.get("granted_nusd", 0)
    spent = yield budgets.spend(**month)
    uncertain = yield q.uncertain(**month)
    history = yield budgets.spend_by_period(workspace=payer.workspace, channel=payer.channel, most=12)
    quarters = (yield q.spent_by_quarter_hour(**month)) if deep else []
    runs = (yield q.dearest_runs(**month, most=dearest)) if deep else []
    overruns = (yield q.overruns(**month)) if deep else []
    feedback = (yield q.feedback_by_flow(**month)) if deep else []
    setups = yield from _reading_setups(month, deep=deep)
    return Month(
        period=period,
        limit_nusd=None if limit_nusd is None else limit_nusd + granted_nusd,
        granted_nusd=granted_nusd,
        settled_nusd=sum(row["settled_nusd"] for row in spent),
        held_nusd=own.get("reserved_nusd", 0),
        spent=tuple(_spent(row) for row in spent),
        quarters=tuple((row["quarter"] * QUARTER_US, row["nusd"]) for row in quarters),
        dearest=tuple(runs),
        uncertain=tuple(uncertain),
        overruns=tuple(overruns),
        history=tuple(history),
        feedback=tuple(feedback),
        setups=setups,
    )


def reading_calls(workspace: str, period: str, channels: Sequence[str]) -> Work[list[Row]]:
    """Return every call of a month, in order, each with the `setups` of its run; of all channels when none is named."""
    wanted = list(channels)
    if not wanted:
        wanted = [row["channel"] for row in (yield q.channels_with_spend(workspace=workspace, period=period))]
    rows = yield q.calls(workspace=workspace, channels=wanted, period=period)
    kept: dict[str, list[Row]] = {}
    for row in (yield q.setups_of_calls(workspace=workspace, channels=wanted, period=period)):
        kept.setdefault(row["run_id"], []).append(json.loads(row["data_json"]))
    return [{**row, "setups": kept.get(row["run_id"], [])} for row in rows]


def _reading_setups(month: Mapping[str, str], *, deep: bool) -> Work[tuple[Mapping[str, Any], ...]]:
    """Return what the runs of a month worked with, as data of decisions; without `deep` only the latest runs."""
    (made,) = yield q.calls_between(**month)
    if made["first_us"] is None:
        return ()
    time = {"from_us": made["first_us"] - ASKED_BEFORE_US, "until_us": made["last_us"]}
    rows = yield q.setups_of_month(**month, **time, most=RUNS_MOST if deep else RUNS_SOON)
    kept = [json.loads(row["data_json"] or "{}") for row in rows]
    is_first = [row["path"] == "setup" for row in rows]
    begun_before = any(first and one.get("epoch", 1) > 1 for first, one in zip(is_first, kept, strict=True))
    return (*kept, {}) if begun_before else tuple(kept)


def _spent(row: Row) -> SpendRow:
    return SpendRow(
        flow=row["flow"],
        agent=row["agent"],
        model=row["model"],
        user=row["user_id"],
        calls=row["calls"],
        nusd=row["settled_nusd"],
        uncertain_nusd=row["uncertain_nusd"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
    )

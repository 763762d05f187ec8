"""A month's report: what is left, where it went, where it is heading. Pure; amounts come from storage.

Every list of parts that is shown adds up to the sum above it (`shown`): shares and cents come from exact amounts.
"""

import calendar
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from patterns.core.shares import rounded_parts, whole_percents
from patterns.core.tools import TOOL_MODEL
from patterns.router import ROUTE
from storage.ledger.months import Month, SpendRow
from storage.ledger.periods import period_end_us
from storage.run_rows import was_dry

PARTS_SHOWN = 6
"""Number of flows, agents or models with a line of their own; the others share one."""
NO_FLOW = "(no flow)"
NO_MODEL = "(no model)"
CHOOSING = "choosing the flow"
"""What the Router's choice is called, which is paid before there is a flow."""
_NO_NAMES = frozenset({NO_FLOW, CHOOSING})
FORECAST_AFTER = 0.05
"""Share of a month that must have passed before a forecast is shown."""
US_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class ReportPart:
    """One line of a sum, exact until it is `shown`; `is_named` says that the name is one of the roster's."""

    name: str
    nusd: int
    calls: int
    share_pct: int = 0
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class FlowRating:
    """How many people found a flow's answers helpful, and how many did not."""

    flow: str
    helped: int
    did_not: int


@dataclass(frozen=True, slots=True)
class ExpensiveRun:
    """An expensive request; `link` is empty where Slack gave none."""

    run_id: str
    flow: str
    nusd: int
    calls: int
    link: str = ""
    dry: bool = False


@dataclass(frozen=True, slots=True)
class UncertainCall:
    """An uncertain call that counts in full without a bill, or one billed `over_nusd` above its hold."""

    call_id: str
    model: str
    nusd: int
    reason: str = ""
    over_nusd: int = 0
    opened_us: int = 0


@dataclass(frozen=True, slots=True)
class PastMonth:
    """A past month of the history."""

    period: str
    nusd: int
    calls: int


@dataclass(frozen=True, slots=True)
class Report:
    """One account's month. Amounts are the ledger's own; `days` are nano-dollars per day up to now.

    `forecast_nusd` is None for past months and while it is too early; `runs_out` is the day the limit would be reached
    at this pace. `people` is for private messages only.
    """

    name: str
    channel: str
    period: str
    is_current: bool
    limit_nusd: int
    granted_nusd: int
    settled_nusd: int
    held_nusd: int
    calls: int
    resets_on: str
    days_left: int
    days: tuple[int, ...]
    days_in_month: int
    forecast_nusd: int | None
    runs_out: date | None
    flows: tuple[ReportPart, ...]
    agents: tuple[ReportPart, ...]
    models: tuple[ReportPart, ...]
    people: tuple[ReportPart, ...]
    dearest: tuple[ExpensiveRun, ...]
    uncertain: tuple[UncertainCall, ...]
    overruns: tuple[UncertainCall, ...]
    last_nusd: int | None
    history: tuple[PastMonth, ...]
    opinions: tuple[FlowRating, ...] = ()
    play_money: bool = False

    @property
    def free_nusd(self) -> int:
        """Return the nano-dollars that may still be held, never below zero."""
        return max(0, self.limit_nusd - self.settled_nusd - self.held_nusd)

    @property
    def share_pct(self) -> int:
        """Return the percentage of the limit that is spent; with a limit of zero, 100 once anything is spent."""
        return self.settled_nusd * 100 // self.limit_nusd if self.limit_nusd else 100 * bool(self.settled_nusd)

    @property
    def month(self) -> str:
        """Return the month's name, like `November 2026`."""
        return month_name(self.period)


def flow_name(flow: str) -> str:
    """Return the flow that a call was paid for, as people call it."""
    return CHOOSING if flow == ROUTE else flow or NO_FLOW


def model_name(model: str) -> str:
    """Return what a call was of, as people call it: a model, or a tool."""
    return f"{model.removeprefix(TOOL_MODEL)} (tool)" if model.startswith(TOOL_MODEL) else model or NO_MODEL


def month_name(period: str) -> str:
    """Return the name of a period: `November 2026` for `2026-11`."""
    year, month = map(int, period.split("-"))
    return f"{calendar.month_name[month]} {year}"


def previous_period(period: str) -> str:
    """Return the period before."""
    year, month = map(int, period.split("-"))
    return f"{year - (month == 1)}-{(month - 2) % 12 + 1:02d}"


def build_report(  # noqa: PLR0913 - all by keyword: the ledger's month, and what only Slack and the clock know
    month: Month,
    *,
    name: str,
    channel: str,
    limit_nusd: int,
    zone: str,
    now_us: int,
    links: dict[str, str] | None = None,
    play_money: bool = False,
) -> Report:
    """Build the report of one account's month, with its pace and all its parts."""
    start_us = period_end_us(previous_period(month.period), zone)
    end_us = period_end_us(month.period, zone)
    is_current = start_us <= now_us < end_us
    forecast_nusd, runs_out = _pace(month, limit_nusd, (start_us, now_us, end_us), zone) if is_current else (None, None)
    past = [PastMonth(row["period"], row["settled_nusd"], row["calls"]) for row in month.history]
    before = previous_period(month.period)
    ends = datetime.fromtimestamp(end_us / 1_000_000, ZoneInfo(zone))
    return Report(
        name=name,
        channel=channel,
        period=month.period,
        is_current=is_current,
        limit_nusd=limit_nusd,
        granted_nusd=month.granted_nusd,
        settled_nusd=month.settled_nusd,
        held_nusd=month.held_nusd,
        calls=sum(one.calls for one in month.spent if not _is_tool(one)),
        resets_on=f"{ends.day} {ends:%b}",
        days_left=max(0, -(-(end_us - now_us) // US_PER_DAY)) if is_current else 0,
        days=days_of(month.quarters, month.period, zone, now_us=now_us if is_current else end_us - 1),
        days_in_month=_days_in(month.period),
        forecast_nusd=forecast_nusd,
        runs_out=runs_out,
        flows=_parts(month, lambda one: flow_name(one.flow)),
        agents=_parts(month, lambda one: one.agent or "(no agent)"),
        models=_parts(month, lambda one: model_name(one.model), counts_tools=True),
        people=_parts(month, lambda one: one.user),
        dearest=tuple(
            ExpensiveRun(
                row["run_id"],
                row["flow"] or "",
                row["nusd"],
                row["calls"],
                (links or {}).get(row["run_id"], ""),
                dry=was_dry(row["options_json"]),
            )
            for row in month.dearest
        ),
        uncertain=tuple(
            UncertainCall(
                row["id"], model_name(row["model"]), row["actual_nusd"], row["reason"], opened_us=row["opened_us"]
            )
            for row in month.uncertain
        ),
        overruns=tuple(
            UncertainCall(row["id"], model_name(row["model"]), row["actual_nusd"], over_nusd=row["overrun_nusd"])
            for row in month.overruns
        ),
        last_nusd=next((one.nusd for one in past if one.period == before), None),
        history=tuple(reversed(past)),
        opinions=tuple(
            FlowRating(flow_name(row["flow"] or ""), row["helped"], row["did_not"]) for row in month.feedback
        ),
        play_money=play_money,
    )


def shown(parts: tuple[ReportPart, ...]) -> tuple[ReportPart, ...]:
    """Return the largest parts and one for all the others, rounded and with shares that both add up."""
    if len(parts) > PARTS_SHOWN + 1:
        first, rest = parts[:PARTS_SHOWN], parts[PARTS_SHOWN:]
        nusd, calls = sum(one.nusd for one in rest), sum(one.calls for one in rest)
        parts = (*first, ReportPart(f"{len(rest)} others", nusd, calls, is_named=False))
    exact = [one.nusd for one in parts]
    return tuple(
        replace(one, nusd=nusd, share_pct=share_pct)
        for one, nusd, share_pct in zip(parts, rounded_parts(exact), whole_percents(exact), strict=True)
    )


def _is_tool(one: SpendRow) -> bool:
    return one.model.startswith(TOOL_MODEL)


def _parts(month: Month, name: Callable[[SpendRow], str], *, counts_tools: bool = False) -> tuple[ReportPart, ...]:
    """Return the parts of a month; a call of a tool counts as a call only where tools have lines of their own."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in month.spent:
        sums[name(one)][0] += one.nusd
        sums[name(one)][1] += one.calls if counts_tools or not _is_tool(one) else 0
    ordered = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(ReportPart(key, nusd, calls, is_named=key not in _NO_NAMES) for key, (nusd, calls) in ordered)


def _pace(month: Month, limit_nusd: int, span_us: tuple[int, int, int], zone: str) -> tuple[int | None, date | None]:
    start_us, now_us, end_us = span_us
    passed_us, whole_us = now_us - start_us, end_us - start_us
    if passed_us < whole_us * FORECAST_AFTER or not month.settled_nusd:
        return None, None
    forecast_nusd = month.settled_nusd * whole_us // passed_us
    if forecast_nusd <= limit_nusd or month.settled_nusd >= limit_nusd:
        return forecast_nusd, None
    reached_us = start_us + limit_nusd * passed_us // month.settled_nusd
    return forecast_nusd, datetime.fromtimestamp(reached_us / 1_000_000, UTC).astimezone(ZoneInfo(zone)).date()


def days_of(quarters: Sequence[tuple[int, int]], period: str, zone: str, *, now_us: int) -> tuple[int, ...]:
    """Return the nano-dollars of each day up to now, from those of quarter hours.

    A quarter hour outside the month in this zone counts on its nearest day.
    """
    last = _days_in(period)
    until = min(last, _day(now_us, period, zone))
    days = [0] * until
    for at_us, nusd in quarters:
        days[min(_day(at_us, period, zone), until) - 1] += nusd
    return tuple(days)


def _day(at_us: int, period: str, zone: str) -> int:
    local = datetime.fromtimestamp(at_us / 1_000_000, UTC).astimezone(ZoneInfo(zone))
    key = f"{local:%Y-%m}"
    if key == period:
        return local.day
    return 1 if key < period else _days_in(period)


def _days_in(period: str) -> int:
    year, month = map(int, period.split("-"))
    return calendar.monthrange(year, month)[1]

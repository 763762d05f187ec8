"""Exports as files: a month's sums for the channel, every call for finance. Amounts are exact."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.messages.month_report import flow_name
from bot.messages.printable_json import printable_json
from bot.messages.stats_views import RunStats, StatsRow
from patterns.core.money import NUSD_PER_USD
from patterns.core.tools import TOOL_MODEL
from storage.ledger.months import SpendRow
from storage.run_rows import was_dry

_SIGNS = "=+-@\u2212"
"""What begins a formula in one spreadsheet or another; full-width and small forms are folded into these first."""
_COUNTS = (
    "input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens", "searches",
)  # fmt: skip
"""Input is all of it; what was read from a cache or written into one is part of it, at a rate of its own. Searches are
those of the web."""
_CALL_COLUMNS = (
    "call", "run", "dry_run", "channel", "user", "period", "opened_utc", "closed_utc", "flow", "agent", "model", "tool",
    "state",
    *_COUNTS, "hold_usd", "cost_usd", "overrun_usd", "price_version", "reason", "approved_by", "bytes_read", "failed",
    "seconds",
)  # fmt: skip
"""A call is of a model or of a tool. The last four are of tools: who approved it, and what came of it."""

_STATS_COLUMNS = (
    "kind", "name", "requests", "dry_runs", "sample", "answered", "partial", "refused", "stopped", "failed",
    "cost_usd", "cost_mean_usd", "cost_p50_usd", "cost_p95_usd", "cost_spread_over_mean",
    "seconds_p50", "seconds_p95", "seconds_variance", "waited_p50_seconds", "waited_seconds",
    "rounds", "tool_calls", "helped", "did_not",
    "about_over_paid", "at_most_over_paid", "held_over_paid", "routing_share", "review_share",
)  # fmt: skip


def exact_usd(nusd: int) -> str:
    """Return dollars with nine decimals, exactly the ledger's value, so that a spreadsheet's sums are the ledger's."""
    return f"{nusd // NUSD_PER_USD}.{nusd % NUSD_PER_USD:09d}"


def month_csv(spent: Iterable[SpendRow], period: str) -> str:
    """Return a month by flow, agent, and model or tool, without people: everyone in the channel can read it."""
    sums: dict[tuple[str, ...], list[int]] = {}
    for one in spent:
        row = sums.setdefault((flow_name(one.flow) if one.flow else "", one.agent, *_of(one.model)), [0] * 5)
        for at, value in enumerate((one.calls, one.input_tokens, one.output_tokens, one.nusd, one.uncertain_nusd)):
            row[at] += value
    columns = (
        "period",
        "flow",
        "agent",
        "model",
        "tool",
        "calls",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "uncertain_usd",
    )
    rows = ((period, *key, *sums[key][:3], exact_usd(sums[key][3]), exact_usd(sums[key][4])) for key in sorted(sums))
    return _csv(columns, rows)


def calls_csv(calls: Sequence[Mapping[str, Any]]) -> str:
    """Return every call of a month as CSV, one line each."""
    return _csv(_CALL_COLUMNS, (tuple(call_record(call).values()) for call in calls))


def calls_json(calls: Sequence[Mapping[str, Any]]) -> str:
    """Return every call of a month as JSON; amounts are strings, because floats lose precision."""
    return printable_json([call_record(call) for call in calls], indent=1)


def call_record(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return one call in the columns of the export. A call that is still held costs nothing yet."""
    usage = json.loads(call["usage_json"]) if call["usage_json"] else {}
    seconds = "" if call["elapsed_ms"] is None else f"{call['elapsed_ms'] / 1000:.3f}"
    failed = "" if call["is_error"] is None else _yes(call["is_error"])
    values = (
        call["id"], call["run_id"], _yes(was_dry(call["options_json"] or "{}")), call["channel"], call["user_id"],
        call["period"], _utc(call["opened_us"]), _utc(call["closed_us"]), call["flow"], call["agent"],
        *_of(call["model"]), call["state"],
        *(usage.get(name, 0) for name in _COUNTS), exact_usd(call["hold_nusd"]),
        exact_usd(call["actual_nusd"]), exact_usd(call["overrun_nusd"]), call["price_version"], call["reason"],
        call["approved_by"] or "", "" if call["bytes_read"] is None else call["bytes_read"], failed, seconds,
    )  # fmt: skip
    return dict(zip(_CALL_COLUMNS, values, strict=True))


def _yes(is_so: object) -> str:
    return "yes" if is_so else "no"


def _of(model: str) -> tuple[str, str]:
    """Return what a call was of in two columns: a model, or a tool."""
    return ("", model.removeprefix(TOOL_MODEL)) if model.startswith(TOOL_MODEL) else (model, "")


def stats_csv(stats: RunStats) -> str:
    """Return the statistics of a month, a line for each pattern, flow, agent, model and tool; amounts are dollars.

    A cell is empty where nothing could be measured: the spread of one alone, the rounds of what nobody reviewed.
    """
    return _csv(("period", *_STATS_COLUMNS), ((stats.period, *_stats_record(row)) for row in stats.rows))


def _stats_record(row: StatsRow) -> tuple[object, ...]:
    usd = [exact_usd(round(nusd)) for nusd in (row.cost.total, row.cost.mean, row.cost.p50, row.cost.p95)]
    spread = f"{row.cost.relative:.4f}" if row.cost.count > 1 else ""
    variance = f"{row.time.variance:.3f}" if row.time.count > 1 else ""
    seconds = [f"{time:.3f}" for time in (row.time.p50, row.time.p95, row.waited.p50, row.waited.total)]
    times = (*seconds[:2], variance, *seconds[2:])
    ratios = (row.estimate_ratio, row.bound_ratio, row.held_ratio)
    return (
        row.kind, row.name, row.runs, row.dry, row.cost.count,
        row.answered, row.partial, row.refused, row.stopped, row.failed,
        *usd, spread, *times, f"{row.rounds:.2f}" if row.rounds else "", row.tool_calls, row.helped, row.did_not,
        *(f"{ratio:.4f}" if ratio else "" for ratio in ratios), f"{row.routing_share:.4f}", f"{row.review_share:.4f}",
    )  # fmt: skip


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """Return a cell that a spreadsheet does not execute: names come from people."""
    if not isinstance(value, str):
        return value
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", value)
    return f"'{line}" if _is_formula(line) else line


def _is_formula(text: str) -> bool:
    """Return whether a spreadsheet may take it for a formula: they skip blanks, controls and invisible characters."""
    for character in text:
        if unicodedata.category(character)[0] in "ZC":
            continue
        return unicodedata.normalize("NFKC", character)[0] in _SIGNS
    return False


def _utc(at_us: int | None) -> str:
    return "" if at_us is None else datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

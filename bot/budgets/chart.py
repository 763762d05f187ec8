"""The month as a picture: spent so far against the limit, the forecast, and the shares of the flows."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from bot.messages.month_report import Report, ReportPart, shown
from patterns.core.money import NUSD_PER_USD, format_usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET, LINE, LIMIT, PAPER = "#1d1c1d", "#616061", "#1264a3", "#c01343", "#ffffff"
WIDTH_IN, HEIGHT_IN, DPI = 7.2, 5.4, 160
"""1152 by 864 pixels: sharp on a phone, where Slack shows it 360 points wide."""
_NAME_CHARS = 24
_LABEL: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "right",
    "bbox": {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
}


@dataclass(frozen=True, slots=True)
class ChartData:
    """The data of the chart. `spent` is the running total at the end of each day, in nano-dollars."""

    spent: tuple[int, ...]
    limit_nusd: int
    forecast_nusd: int | None
    days_in_month: int
    flows: tuple[ReportPart, ...]


def chart_data(report: Report) -> ChartData:
    """Return the chart's data; the last total is the report's own sum."""
    return ChartData(
        spent=tuple(accumulate(report.days)),
        limit_nusd=report.limit_nusd,
        forecast_nusd=report.forecast_nusd,
        days_in_month=report.days_in_month,
        flows=shown(report.flows),
    )


def alt_text(report: Report) -> str:
    """Return the picture in words, as its alt text."""
    forecast = f", {format_usd(report.forecast_nusd)} expected by its end" if report.forecast_nusd is not None else ""
    flows = "; ".join(f"{part.name} {format_usd(part.nusd)}" for part in shown(report.flows))
    return (
        f"Spending of {report.name} in {report.month}: {format_usd(report.settled_nusd)} of "
        f"{format_usd(report.limit_nusd)}{forecast}. By flow: {flows or 'nothing yet'}."
    )[:1000]


def draw(report: Report) -> bytes:
    """Return the picture as PNG. Takes most of a second the first time, so call it in a thread."""
    # Loading matplotlib costs more than everything else at start; figures without pyplot share no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - see above
    from matplotlib.figure import Figure  # noqa: PLC0415 - same

    data = chart_data(report)
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    heights = [3.0, 0.45 + 0.32 * max(1, len(data.flows))]
    month, flows = figure.subplots(2, 1, height_ratios=heights)
    figure.suptitle(f"{_plain(report.name)} · {report.month}", x=0.02, ha="left", fontsize=14, weight="bold", color=INK)
    _draw_month(month, data, report)
    _draw_flows(flows, data.flows)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", facecolor=PAPER)
    return picture.getvalue()


def _draw_month(axes: "Axes", data: ChartData, report: Report) -> None:
    days = range(len(data.spent) + 1)
    spent = [0.0, *_usd(data.spent)]
    axes.fill_between(days, spent, color=LINE, alpha=0.14, linewidth=0)
    axes.plot(days, spent, color=LINE, linewidth=2.5, solid_capstyle="round")
    tops = [spent[-1], data.limit_nusd / NUSD_PER_USD]
    if data.forecast_nusd is not None:
        tops.append(data.forecast_nusd / NUSD_PER_USD)
        axes.plot(
            [days[-1], data.days_in_month], [spent[-1], tops[-1]], color=LINE, linewidth=1.8, linestyle=(0, (3, 3))
        )
        said = f"{format_usd(data.forecast_nusd)} at this pace"
        axes.annotate(said, (data.days_in_month, tops[-1]), (-2, -40), color=LINE, **_LABEL)
    axes.axhline(data.limit_nusd / NUSD_PER_USD, color=LIMIT, linewidth=1.5)
    said = f"limit {format_usd(data.limit_nusd)}"
    axes.annotate(said, (0, data.limit_nusd / NUSD_PER_USD), (2, 4), color=LIMIT, textcoords="offset points")
    axes.plot([days[-1]], [spent[-1]], "o", color=LINE, markersize=7)
    # The total only grows: there is free space above the line left of its end, and below it on the right.
    where: dict[str, Any] = {"xytext": (10, -14)} | _LABEL | {"ha": "left"}
    if days[-1] > data.days_in_month // 3:
        where = {"xytext": (-8, 9)} | _LABEL
    axes.annotate(f"{format_usd(report.settled_nusd)} spent", (days[-1], spent[-1]), weight="bold", color=INK, **where)
    axes.set_xlim(0, data.days_in_month)
    axes.set_ylim(0, max(tops) * 1.16 or 1)
    axes.set_xticks([1, *range(5, data.days_in_month + 1, 5)])
    axes.yaxis.set_major_formatter(lambda value, _at: format_usd(round(value * NUSD_PER_USD)) if value else "$0")
    axes.locator_params(axis="y", nbins=5)
    axes.grid(axis="y", color="#e8e8e8", linewidth=0.8)
    axes.set_axisbelow(True)
    _quiet(axes)


def _draw_flows(axes: "Axes", flows: Sequence[ReportPart]) -> None:
    names = [_plain(part.name) for part in flows] or ["nothing yet"]
    amounts = _usd([part.nusd for part in flows]) or [0.0]
    rows = range(len(names))
    bars = axes.barh(rows, amounts, color=LINE, height=0.62)
    axes.bar_label(bars, [format_usd(part.nusd) for part in flows] or [""], padding=5, color=INK, fontsize=10)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.set_xlim(0, max(amounts) * 1.18 or 1)
    axes.set_xticks([])
    axes.set_title("By flow", loc="left", fontsize=11, color=INK)
    _quiet(axes)
    axes.spines["bottom"].set_visible(False)


def _quiet(axes: "Axes") -> None:
    """Reduce the axes to what is read."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#bbbbbb")
    axes.tick_params(colors=QUIET, length=0, labelsize=10)


def _usd(amounts: Sequence[int]) -> list[float]:
    """Return amounts in dollars, as floats for drawing only."""
    return [nusd / NUSD_PER_USD for nusd in amounts]


def _plain(text: str) -> str:
    """Return a name in the font's characters, a dot for others; dollar signs would be read as formulas."""
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415 - as in draw

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    safe = "".join(sign if ord(sign) in known else "·" for sign in text if sign.isprintable() and sign != "$")
    return safe if len(safe) <= _NAME_CHARS else f"{safe[: _NAME_CHARS - 1]}…"

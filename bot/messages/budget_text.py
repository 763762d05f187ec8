"""Sentences of budget reports, the workspace's budgets and the audit log. All `Mrkdwn`, safe to post."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from bot.messages.budget_views import AuditView, BookLine, BooksView, BudgetOfferView, BudgetView
from bot.messages.month_report import FlowRating, PastMonth, Report, ReportPart, UncertainCall, month_name, shown
from bot.messages.mrkdwn import Mrkdwn, escape, join, mrkdwn, size, titled_link
from bot.messages.run_text import count, dry_label, left, listed, moment, short, usd
from patterns.core.money import CENT_NUSD, NUSD_PER_USD, exact_usd, format_usd
from patterns.core.reasons import Reason

DOUBTFUL_SHOWN = 5
LINES_SHOWN = 25
BLOCKS_MAX = 10_000
"""Characters, as JSON, of all lines of one message; footnotes and buttons need the rest."""


def sections(view: BudgetView) -> list[Mrkdwn]:
    """Return a month as blocks of lines, the most important first; empty ones are left out."""
    report = view.report
    blocks = [
        _head(view),
        _parts("By flow", report.flows, code=True),
        _opinions(report.opinions),
        _parts("By agent", report.agents),
        _parts("By model", report.models),
        _people(view),
        _dearest(report),
        _uncertain(report.uncertain),
        _overruns(report.overruns),
        _history(report.history),
    ]
    return _fitting(blocks)


def small_print(view: BudgetView) -> Mrkdwn:
    """Return the footnotes: where prices come from, and what is attached."""
    # Where every price is play money, the note on prices says so already.
    label = "play money" if view.report.play_money and "play money" not in view.price_note else ""
    return join(" · ", [short(view.attached, 200), short(view.price_note, 300), Mrkdwn(label)])


def text(view: BudgetView) -> Mrkdwn:
    """Return the month as text for notifications and old clients."""
    return join("\n\n", sections(view))


def _head(view: BudgetView) -> Mrkdwn:
    report = view.report
    own = Mrkdwn()
    if view.own_nusd is not None:
        own = mrkdwn("Your own share: {own}. Only you see this line.", own=usd(view.own_nusd))
    title = mrkdwn("*Budget of {name}, {month}*", name=short(report.name, 80), month=report.month)
    warning = mrkdwn("🚫 {warning}", warning=short(view.warning, 300)) if view.warning else Mrkdwn()
    month = [balance_line(report), _exactly(report), _outlook(report), _compared(report)]
    return join("\n", [title, warning, *month, own])


def balance_line(report: Report) -> Mrkdwn:
    """Return a line like `$23.94 of $25.00 spent (95 %) · $0.75 held · $0.31 left · resets 1 Dec, in 8 days`."""
    spent = mrkdwn(
        "*{settled}* of {limit} spent ({share} %)",
        settled=usd(report.settled_nusd),
        limit=usd(report.limit_nusd),
        share=str(report.share_pct),
    )
    grant = mrkdwn("{grant} of it granted once", grant=usd(report.granted_nusd)) if report.granted_nusd else Mrkdwn()
    if not report.is_current:
        return join(" · ", [spent, grant, count(report.calls, "call")])
    held = mrkdwn("{held} held", held=usd(report.held_nusd)) if report.held_nusd else Mrkdwn()
    free = mrkdwn("*{free} left*", free=left(report))
    resets = mrkdwn("resets {day}, in {days}", day=report.resets_on, days=count(report.days_left, "day"))
    return join(" · ", [spent, grant, held, free, resets])


def _exactly(report: Report) -> Mrkdwn:
    """Return what was rounded, in a month of which cents are most."""
    exact = exact_usd(report.settled_nusd)
    if not CENT_NUSD < report.settled_nusd < NUSD_PER_USD or exact == format_usd(report.settled_nusd):
        return Mrkdwn()
    return mrkdwn("Amounts are rounded up to whole cents: exactly {exact} is spent.", exact=exact)


def _outlook(report: Report) -> Mrkdwn:
    if report.forecast_nusd is None:
        return Mrkdwn()
    forecast = mrkdwn("At this pace {forecast} by the end of the month", forecast=usd(report.forecast_nusd))
    if report.runs_out is not None:
        return mrkdwn("{forecast}: the limit is reached about {day}.", forecast=forecast, day=_day(report.runs_out))
    within = "within the limit" if report.forecast_nusd <= report.limit_nusd else "past the limit"
    return mrkdwn("{forecast}, {within}.", forecast=forecast, within=within)


def _compared(report: Report) -> Mrkdwn:
    if report.last_nusd is None:
        return Mrkdwn()
    return mrkdwn("The month before: {last} in all.", last=usd(report.last_nusd))


def _parts(title: str, parts: tuple[ReportPart, ...], *, code: bool = False) -> Mrkdwn:
    if not parts:
        return Mrkdwn()
    lines = [
        mrkdwn(
            "{name}: {cost} · {share} · {calls}",
            name=mrkdwn("`{name}`", name=short(part.name, 80)) if code and part.is_named else short(part.name, 80),
            cost=usd(part.nusd),
            share=_share(part),
            calls=count(part.calls, "call"),
        )
        for part in shown(parts)
    ]
    return join("\n", [mrkdwn("*{title}*", title=title), *lines])


def _share(part: ReportPart) -> str:
    return "less than 1 %" if part.nusd and not part.share_pct else f"{part.share_pct} %"


def _people(view: BudgetView) -> Mrkdwn:
    if not view.names:
        return Mrkdwn()
    names = dict(view.names)
    named = tuple(replace(part, name=names.get(part.name, part.name)) for part in view.report.people)
    return _parts("By person (only admins see this)", named)


def _opinions(opinions: Sequence[FlowRating]) -> Mrkdwn:
    """Return the counts of feedback clicks. Counts only, so that it can stand in a report for everyone."""
    lines = [
        mrkdwn(
            "`{flow}`: helped {helped}, did not {did_not}",
            flow=short(one.flow, 60),
            helped=str(one.helped),
            did_not=str(one.did_not),
        )
        for one in opinions[:LINES_SHOWN]
    ]
    more = _more(len(opinions) - LINES_SHOWN, "more")
    return join("\n", [Mrkdwn("*Did it help?*"), *lines, more]) if lines else Mrkdwn()


def _dearest(report: Report) -> Mrkdwn:
    lines = [
        join(
            " · ",
            [
                mrkdwn("{at}. {cost}", at=str(at), cost=usd(run.nusd)),
                mrkdwn("`{flow}`", flow=short(run.flow, 60)) if run.flow else Mrkdwn(),
                count(run.calls, "call"),
                dry_label(dry=run.dry),
                titled_link(run.link, "open it") if run.link else Mrkdwn(),
            ],
        )
        for at, run in enumerate(report.dearest, 1)
    ]
    return join("\n", [Mrkdwn("*Most expensive requests*"), *lines]) if lines else Mrkdwn()


def _uncertain(calls: Sequence[UncertainCall]) -> Mrkdwn:
    if not calls:
        return Mrkdwn()
    total = usd(sum(call.nusd for call in calls))
    head = mrkdwn(
        "*Calls whose bill nobody can confirm*, counted in full: {calls}, {total}. What the provider did not bill, an "
        "admin or budget owner ticks in the form of `/agents budget release`, which says who asked what.",
        calls=count(len(calls), "call"),
        total=total,
    )
    lines = [
        join(" · ", [short(moment(call.opened_us, "UTC"), 40), usd(call.nusd), _why_uncertain(call)])
        for call in calls[:DOUBTFUL_SHOWN]
    ]
    return join("\n", [head, *lines, _more(len(calls) - DOUBTFUL_SHOWN, "more")])


def _why_uncertain(call: UncertainCall) -> Mrkdwn:
    return short(Reason(call.reason).clause(model=call.model), 200)


def _overruns(calls: Sequence[UncertainCall]) -> Mrkdwn:
    if not calls:
        return Mrkdwn()
    lines = [
        mrkdwn(
            "`{model}`: {cost} billed, {over} above our estimate",
            model=short(call.model, 80),
            cost=usd(call.nusd),
            over=usd(call.over_nusd),
        )
        for call in calls[:DOUBTFUL_SHOWN]
    ]
    return join(
        "\n", [Mrkdwn("*Billed above our highest estimate*"), *lines, _more(len(calls) - DOUBTFUL_SHOWN, "more")]
    )


def _history(months: Sequence[PastMonth]) -> Mrkdwn:
    if len(months) <= 1:
        return Mrkdwn()
    said = [mrkdwn("{month} {cost}", month=_short_month(one.period), cost=usd(one.nusd)) for one in months]
    return join("\n", [Mrkdwn("*The last months*"), join(" · ", said)])


# ---------------------------------------------------------------- the workspace, and who changed what


def books_sections(view: BooksView) -> list[Mrkdwn]:
    """Return the workspace's accounts, the one nearest to its limit first."""
    head = mrkdwn(
        "*Budgets of the workspace, {month}*\n{total}\nNew channels get {channel} a month, direct messages {dm} a "
        "person.",
        month=view.month,
        total=book_line(view.total),
        channel=usd(view.default_channel_nusd),
        dm=usd(view.dm_user_nusd),
    )
    lines = [book_line(line) for line in view.lines[:LINES_SHOWN]]
    rest = join("\n", [*lines, _more(len(view.lines) - LINES_SHOWN, "more")]) or Mrkdwn("Nothing was spent yet.")
    alarms = [mrkdwn("⚠️ {alarm}", alarm=short(alarm, 300)) for alarm in view.alarms]
    return _fitting([head, join("\n", alarms), rest])


def books_text(view: BooksView) -> Mrkdwn:
    """Return the same as one text."""
    return join("\n\n", books_sections(view))


def book_line(line: BookLine) -> Mrkdwn:
    """Return the line of one account."""
    said = mrkdwn(
        "{name}: *{share} %* · {settled} of {limit}",
        name=short(line.name, 80),
        share=str(line.share_pct),
        settled=usd(line.settled_nusd),
        limit=usd(line.limit_nusd),
    )
    held = mrkdwn("{held} held", held=usd(line.held_nusd)) if line.held_nusd else Mrkdwn()
    return join(" · ", [said, held, short(line.note, 200)])


_OFFERED = {
    "limit": "a limit of ${value} a month",
    "grant": "${value} more for this month",
    "user_cap": "at most ${value} a month for one person",
    "alerts": "alerts at {value}",
}


def offer(view: BudgetOfferView) -> Mrkdwn:
    """Return what the form would be filled in with."""
    value = short(view.asked.value, 60)
    shares = listed([f"{one} %" for one in value.split()]) if view.asked.field == "alerts" else value
    what = mrkdwn(_OFFERED[view.asked.field], value=shares)
    return mrkdwn("The form can be opened with {what} filled in. Nothing changes until you save it.", what=what)


def audit(view: AuditView) -> Mrkdwn:
    """Return who changed what, one line each."""
    lines = [
        mrkdwn(
            "{when} · {who}: {what}{reason}",
            when=short(line.when, 40),
            who=short(line.who, 80),
            what=short(line.what, 300),
            reason=mrkdwn(" ({reason})", reason=short(line.reason, 200)) if line.reason else Mrkdwn(),
        )
        for line in view.lines[:LINES_SHOWN]
    ]
    head = mrkdwn("*Changes that concern {name}*, newest first, times in UTC", name=short(view.name, 80))
    return join("\n", [head, *(lines or [Mrkdwn("Nobody has changed anything yet.")])])


def _fitting(blocks: Sequence[Mrkdwn]) -> list[Mrkdwn]:
    """Return the blocks that fit into one message; names full of characters that JSON escapes could fill it twice."""
    kept: list[Mrkdwn] = []
    used = 0
    for block in filter(None, blocks):
        used += size(json.dumps(block, ensure_ascii=False))
        if used > BLOCKS_MAX:
            return [*kept, Mrkdwn("_More does not fit into one message; the files and the shell have all of it._")]
        kept.append(block)
    return kept


def _more(number: int, word: str) -> Mrkdwn:
    return mrkdwn("… and {number} {word}", number=str(number), word=word) if number > 0 else Mrkdwn()


def _day(day: date) -> Mrkdwn:
    return escape(f"{day.day} {day:%b}")


def _short_month(period: str) -> str:
    name, year = month_name(period).split(" ")
    return f"{name[:3]} {year}" if name[:3] in {"Jan", "Dec"} else name[:3]

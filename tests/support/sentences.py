"""Render every sentence that people read in Slack, with typical values, into one page for a reviewer.

    .venv/bin/python -m tests.support.sentences      # writes docs/sentences.md

Each view of `bot.messages` appears with singular, plural, empty and long values. A test fails when a view is missing or
the page is not what the code says.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.commands.budget import EditBudget
from bot.commands.commands import TOPICS
from bot.commands.origin import Origin
from bot.messages import budget_views as b
from bot.messages import card_views as c
from bot.messages import list_views as li
from bot.messages import notice_views as n
from bot.messages import tool_views as t
from bot.messages import views as v
from bot.messages import welcome_views as w
from bot.messages.checklist import Facts, Limits, checks
from bot.messages.decision_text import decided
from bot.messages.home_blocks import line as line_of
from bot.messages.home_tab import closed_home, home_tab
from bot.messages.home_views import AdminView, HomeView, OwnMonth, WaitingLine
from bot.messages.month_report import Report, ReportPart
from bot.messages.mrkdwn import Mrkdwn, unescape
from bot.messages.own_words import OwnWords, own_words_view
from bot.messages.queue_text import place_in_line, queue_full
from bot.messages.renderer import Renderer
from bot.messages.scopes import SCOPES
from bot.messages.server_forms import server_form
from bot.messages.stats_views import RunStats
from bot.messages.story_views import DecisionLine, RouteLine
from bot.messages.tool_forms import deny_form
from bot.messages.tool_text import approvers_words
from bot.messages.welcome_text import stored
from bot.people.channel_rules import ChannelRules
from bot.people.tools_form import tools_form
from patterns.core.events import MissingVoice, PatternResult, StopReason
from patterns.core.forms import Form
from patterns.core.questions import Decision, Question
from patterns.core.quotes import PriceEstimate
from patterns.core.reasons import Remedy
from patterns.core.tools import AskedCall, Source
from patterns.roster.tool_schema import ToolSpec
from patterns.tools.dry_run import noted
from patterns.tools.forms import fields_of
from storage.queue_bounds import QueueBounds, QueueFullError
from tests.support.statistics import stats_view
from tests.support.stories import story

PAGE = Path(__file__).parents[2] / "docs" / "sentences.md"
USD = 1_000_000_000
CENT = USD // 100
LONG = "compare SQLite and PostgreSQL for an event log that five teams write and read all day, " * 4
DANA, LEE = v.Person("U0DANA", "Dana"), v.Person("U0LEE", "Lee")
BALANCE = v.BalanceView("#platform", 25 * USD, 24 * USD - 6 * CENT, 75 * CENT, "1 Dec", 3)
PRICE = PriceEstimate(2 * CENT, 14 * CENT, has_history=True)
FIRST, CHEAP = replace(PRICE, has_history=False), PriceEstimate(CENT // 2, 3 * CENT, has_history=True)
NEEDS = c.Needs(PRICE, 7 * CENT)
SHORT = replace(BALANCE, held_nusd=103 * CENT)
ONE_HELD = replace(SHORT, held_runs=1)
UNUSED = v.BalanceView("your direct messages", 5 * USD, 0, 0, "1 Dec")
RUN = v.RunView(
    "r0123456789ab", "C0PLATFORM", LEE, "SQLite or PostgreSQL?", v.RunState.RUNNING, flow="decide",
    agents=("advocate", "sceptic", "cost"), price=PRICE, balance=BALANCE,
    model_note="gpt-5-mini answers",
)  # fmt: skip
STEPS = (
    v.StepView("b/advocate", "advocate", v.StepState.DONE, "advocate", 3.2, CENT),
    v.StepView("b/sceptic", "sceptic", v.StepState.FAILED, "sceptic", 20, 0, "no answer in time"),
    v.StepView("b/cost", "cost", v.StepState.REPLAYED, "cost", 2, CENT),
    v.StepView("b/chair", "chair", v.StepState.RUNNING, "chair"),
    v.StepView("b/last", "editor"),
)


def answer(reason: StopReason, output: str = "Take SQLite now.", **facts: Any) -> v.AnswerView:
    """Return the end of a run that ended so."""
    more = {name: facts.pop(name) for name in ("missing", "notes") if name in facts}
    result = PatternResult(output=output, stop_reason=reason, cost_nusd=2 * CENT, **more)
    return v.AnswerView(RUN, result, 14, 3, 2, 5, **facts)


def _runs() -> Iterator[tuple[str, Any]]:
    for state in v.RunState:
        yield f"The message of a command: {state.value}", replace(RUN, state=state, outcome_line="$0.02 · 14 s")
    yield "The plan before a flow is chosen", v.ProgressView(replace(RUN, flow="", agents=()))
    yield "The plan", v.ProgressView(RUN, STEPS, ("Round 1: accepted, score 8 of 10.",), 14, 2 * CENT)
    yield (
        "The plan without history, with a file",
        v.ProgressView(
            replace(
                RUN,
                price=FIRST,
                material="Read 1 message.",
                left_out="a.mp4 was left out: no video.",
            )
        ),
    )
    for state in (v.RunState.QUEUED, v.RunState.STOPPED):
        yield f"In a busy thread: {state.value}", n.QueuedView(RUN.run_id, state)
    yield "In a busy thread: others before it", n.QueuedView(RUN.run_id, v.RunState.QUEUED, 5)
    for ahead in (0, 1, 5):
        yield f"All places taken, {ahead} of the person's requests before it", n.NoticeView(place_in_line(ahead))
    usual = QueueBounds()
    for full in (
        QueueFullError("person", usual.person),
        QueueFullError("channel", usual.channel),
        QueueFullError("all", usual.all),
    ):
        yield f"The queue is full: {full.bound}", n.NoticeView(queue_full(full), tone="warning", retry_key="key")
    yield "Details", v.DetailsView(
        replace(RUN, state=v.RunState.DONE), 14, 2 * CENT,
        (v.ModelUse("gpt-5-mini", 1, 800, 200, 2 * CENT, cached_tokens=500),), STEPS[:3],
        (v.ToolCallLine("researcher", "tickets.search", "query: export", 0.4, 2_310, CENT, "Lee"),),
        missing=(MissingVoice(name="sceptic", reason="no answer in time"),), uncertain_nusd=CENT, owner=DANA,
    )  # fmt: skip


def _answers() -> Iterator[tuple[str, Any]]:
    yield "An answer", answer(StopReason.COMPLETED)
    missing = tuple(MissingVoice(name=name, reason="no answer in time") for name in ("security", "cost"))
    yield "An answer with warnings", answer(StopReason.PARTIAL, missing=missing, uncertain_nusd=60_000_000)
    yield "An answer after a minute, to a command", answer(StopReason.COMPLETED, mention_asker=True)
    sources = (Source(title="The runbook", url="https://wiki.example/runbook"), Source(title="tickets.search query: x"))
    yield "An answer with sources", answer(StopReason.COMPLETED, sources=sources, had_tools=True)
    dry = replace(answer(StopReason.COMPLETED, had_tools=True), run=replace(RUN, state=v.RunState.DONE, dry=True))
    left_out = v.WouldCall("researcher", "tickets.create_issue", 'title: Export fails, labels: ["p1"]', CENT)
    yield "A dry run", replace(dry, result=noted(dry.result, dry=True), would_call=(left_out,))
    yield "A dry run that left nothing out", replace(dry, result=noted(dry.result, dry=True))
    yield "A dry run that failed", replace(dry, result=answer(StopReason.FAILED).result)
    yield "The plan of a dry run", v.ProgressView(replace(RUN, dry=True))
    yield "An answer that looked nothing up", answer(StopReason.COMPLETED, had_tools=True)
    for reason in StopReason:
        if reason not in (StopReason.COMPLETED, StopReason.PARTIAL):
            ways = tuple(Remedy)
            text = answer(reason, owner=DANA, grant_nusd=30 * CENT, remedies=ways)
            yield f"Ended early ({reason.value}), with a text", text
            yield f"Ended early ({reason.value}), without", answer(reason, "", remedies=ways)


def _cards() -> Iterator[tuple[str, Any]]:
    yield "A price to confirm", c.ConfirmView(RUN, "answer", CHEAP)
    yield "A price to confirm, no other flow", c.ConfirmView(replace(RUN, price=FIRST))
    yield "A draft", c.ReviewView(
        RUN, "Announce the outage", "We were down for 40 minutes.", "accepted, 8 of 10\n✓ facts\n✗ names", 1,
        "Open until 30 Nov 14:00 UTC; after that it ends without approval.", question="s/1/human",
    )  # fmt: skip
    yield (
        "A draft that goes on by itself",
        c.ReviewView(
            RUN,
            "Announce",
            "We were down.",
            round=2,
            deadline="At 30 Nov 14:00 UTC it continues by itself.",
            is_optional=True,
        ),
    )
    yield "A draft that somebody else may approve too", c.ReviewView(
        RUN, "Announce", "We were down.", "accepted, 8 of 10", 1,
        "Open until 30 Nov 14:00 UTC; after that it ends without approval.", has_approvers=True,
    )  # fmt: skip
    yield "A round that is over", c.RoundView(1, "We were down.", "not accepted, 5 of 10\n✗ names")
    yield (
        "Out of budget half-way",
        c.BudgetRequestView(
            RUN, 30 * CENT, BALANCE, DANA, "Open until 30 Nov 14:00 UTC; after that the partial answer is final."
        ),
    )
    yield "Out of budget, no owner", c.BudgetRequestView(RUN, CENT, UNUSED)
    yield "In line for budget", c.BudgetQueueView(NEEDS, SHORT, "I wait until 15:00 UTC; then the request ends.")
    yield "Not enough budget", c.RefusalView(NEEDS, SHORT, "answer", CHEAP, DANA, key="key")
    yield (
        "Not enough budget, one other request",
        c.RefusalView(replace(NEEDS, price=FIRST), ONE_HELD, owner=DANA, queue_key="key"),
    )
    yield "Not enough budget, nothing held", c.RefusalView(c.Needs(PriceEstimate(USD, 6 * USD), 6 * USD), UNUSED)
    yield (
        "Frozen with a reason",
        c.RefusalView(NEEDS, BALANCE, owner=DANA, blocked="frozen", blocked_reason="we wait for the invoice"),
    )
    for blocked in ("paused", "frozen", "quarantined", "clock"):
        yield f"Blocked: {blocked}", c.RefusalView(NEEDS, BALANCE, owner=DANA, blocked=blocked, key="key")


def _tools() -> Iterator[tuple[str, Any]]:
    call = AskedCall(
        agent="researcher", tool="tickets.create_issue", price_nusd=CENT,
        arguments='{"title": "Export fails on Sundays", "body": "' + LONG * 2 + '", "labels": ["export", "p1"]}',
    )  # fmt: skip
    read = AskedCall(agent="researcher", tool="tickets.search_issues", arguments="{}", reach="anywhere")
    until = "Open until 30 Nov 14:00 UTC; after that it counts as denied."
    who = approvers_words("asker", asker="Lee", names=())
    yield "A tool that asks first", t.ToolCardView(RUN, (call,), who, until, question="s/turn/1/ask/0")
    before = (
        v.LookedUp("desk.people", "", failed=False),
        v.LookedUp("tickets.search_issues", "Nothing is open on exports."),
    )
    yield (
        "What was called before",
        t.ToolCardView(RUN, (read,), who, until, question="s/turn/3/ask/0", looked_up=before),
    )
    for approve_by in ("other", "owner", "named"):
        who = approvers_words(approve_by, asker="Lee", names=("Dana", "Sam"))
        asks = t.ToolCardView(RUN, (read,), who, until, question="s/turn/1/ask/0", may_stand=False)
        yield f"A tool that asks first: {approve_by}", asks
    note = read.model_copy(update={"note": "This run has read something private."})
    yield "Several calls of one turn", t.ToolCardView(RUN, (call, read, note, read, read), who, until, question="s")
    question = Question(kind="tool", title="tickets.create_issue", calls=(call,))
    unknown = question.model_copy(update={"kind": "outcome"})
    form = question.model_copy(update={"kind": "form"})
    said = [
        (question, Decision(verdict="approve", user="U", scope="once")),
        (question, Decision(verdict="approve", user="U", scope="run")),
        (question, Decision(verdict="approve", user="U", scope="standing")),
        (question, Decision(verdict="deny", user="U")),
        (question, Decision(verdict="deny", user="U", text="we have that ticket already")),
        (question, Decision(verdict="expired")),
        (question, Decision(verdict="none")),
        (unknown, Decision(verdict="done", user="U")),
        (unknown, Decision(verdict="again", user="U")),
        (unknown, Decision(verdict="expired")),
        (form, Decision(verdict="answer", user="U")),
        (form, Decision(verdict="deny", user="U")),
        (form, Decision(verdict="expired")),
    ]
    at = {"at_us": 1_795_000_000_000_000}
    words = [decided(one, decision.model_copy(update=at), name="Dana", zone="UTC") for one, decision in said]
    yield "How a tool's card is closed", [line_of(one) for one in words]
    yield "An approved tool", t.ToolCardView(RUN, (call,), decided=f"{words[0]}.", question="s/turn/1/ask/0")
    yield "A call that nobody knows of", t.OutcomeCardView(RUN, call, who, until, question="s")
    fields = {"title": {"type": "string", "title": "Title"}, "size": {"enum": ["small", "large"], "title": "Size"}}
    asks = Form(message="Which issue do you mean?", fields_json=json.dumps({"properties": fields}))
    until = "Open until 30 Nov 14:00 UTC; after that it is declined."
    who = "Lee answers that, or whoever may approve the tool."
    card = t.FormCardView(RUN, "tickets.find", asks.message, ("Title", "Size"), who=who, deadline=until, question="s")
    yield "A server that asks", card
    address = replace(card, fields=(), url="https://pay.example/7", host="pay.example")
    yield "A server that wants an address opened", address
    yield "An answered form", replace(card, decided=f"{words[10]}.")
    origin = Origin("", "T1", "C1", "U1")
    yield "The form of a server", server_form("r1", "s", asks, fields_of(asks), tool="tickets.find", origin=origin)
    yield "Why not", deny_form("r1", "s", (call,), origin=Origin("", "T1", "C1", "U1"))
    lines = (
        t.ToolLine("tickets.search_issues", is_on=True, reads_only=True, asks=False, is_allowed=True),
        t.ToolLine("tickets.create_issue", is_on=True, reads_only=False, asks=True, price_nusd=CENT, is_allowed=True),
    )
    off = tuple(replace(one, is_on=False, is_allowed=False) for one in lines)
    here = t.ToolsView("C0PLATFORM", "#platform", lines, "everybody who may ask here")
    grant = t.GrantLine("g1", "tickets.create_issue", "Dana", "30 Dec 2026 14:02")
    yield "Tools of a channel", here
    yield "Tools of a channel, for an admin", replace(here, grants=(grant,), may_change=True)
    yield "Tools that are off", replace(here, tools=off, owner=DANA)
    yield "Tools that are off, for an admin", replace(here, tools=off, may_change=True)
    waiting = tuple(replace(one, is_allowed=True) for one in off)
    yield "Tools where guests read", replace(here, tools=waiting, outsiders=True)
    yield "Tools of direct messages", replace(here, is_dm=True)
    offers = t.OffersLine("tickets", ("tickets://123", "tickets://{number}/notes"), ("triage",))
    yield "Tools whose server has resources and prompts", replace(here, offers=(offers,))
    yield "No tools", replace(here, tools=())
    specs = (ToolSpec("tickets", "create_issue"), ToolSpec("wiki", "find", read_only=True, asks=False))
    yield "The form of a channel's tools", tools_form(ChannelRules(), specs, channel="C0PLATFORM")


def _private() -> Iterator[tuple[str, Any]]:
    flows = (
        li.FlowLine("answer", "One agent answers.", CHEAP),
        li.FlowLine("decide", "Four argue, one decides.", FIRST, choices=("cost", "sceptic")),
    )
    fan = ("side by side, 2 of 3 must answer", "├─ advocate     gpt-5-mini, 400 tokens, 60 s", "└─ then chair   gpt-5")
    drawn = (flows[0], replace(flows[1], diagram=fan))
    line = li.RunLine(RUN.run_id, RUN.request, v.RunState.RUNNING, 0, "29 Nov 14:02 UTC", "https://example.slack.com/x")
    yield "Help", li.HelpView(flows=flows, example=flows[1])
    yield "Agents", li.AgentsView((li.AgentLine("sceptic", "Argues against.", "gpt-5-mini"),))
    yield "Flows", li.FlowsView(drawn, "A run may take $0.50, 300 s, 30 steps and 4 calls at once.")
    yield "Balance", li.BalancesView((BALANCE, UNUSED))
    yield "No balance", li.BalancesView(())
    yield "Requests", li.RunsView((line, replace(line, state=v.RunState.DONE, request=LONG, cost_nusd=2 * CENT)))
    yield "No requests", li.RunsView(())
    yield "Statistics of a month", stats_view()
    yield "Statistics of a month with little in it", replace(stats_view(), stats=RunStats("2026-11", (), 2, 7))
    yield "A request as it went", story()
    yield (
        "A request as it went, the asker chose the flow",
        replace(story(1), route=RouteLine("decide", "person"), decisions=(), missing=(), notes=(), owners=1),
    )
    yield (
        "A request as it went, the default flow, nothing called",
        replace(
            story(),
            route=RouteLine("answer", "default", "The Router was not sure (0.40), so this is the default flow."),
            steps=(),
            decisions=(DecisionLine("The price, up to $0.30", "open since 29 Nov 18:43 UTC", 0, 0, is_open=True),),
        ),
    )
    yield "A word like a command", n.NearMissView("bugdet", "budget", "key")
    yield "A word alone", n.NearMissView("hello", "help", "key")
    yield "An unclear reply to a draft", n.UnclearReplyView(RUN.run_id, "s/1/human", "key", "Looks good, but…")
    yield "A changed request", n.EditedView("key")
    yield "Not in the channel", n.InviteView("key")
    yield (
        "A word to somebody",
        n.CallView((LEE,), "the draft above waits for you: approve it, or say what should change."),
    )
    yield (
        "A call for help, to an admin",
        n.HelpCallView(
            LEE,
            "#platform",
            ("The provider of gpt-5 refused our key. You must check it with `agents doctor`.",),
            "https://example.slack.com/x",
            RUN.run_id,
        ),
    )
    yield "A call for help with a fault", n.HelpCallView(LEE, "#platform", ("Something went wrong on my side.",))
    yield (
        "A model without a price",
        n.NoticeView("Not started, nothing spent. No price is known for fast (openai/new).", "warning", key="key"),
    )
    yield "A defect", n.NoticeView("Something went wrong on my side.", "error", "7f3a09bc")


def _channels() -> Iterator[tuple[str, Any]]:
    yield "Invited into a channel", w.WelcomeView(("OpenAI",), 90)
    yield "Invited into a channel, two providers", w.WelcomeView(("OpenAI", "Anthropic"), 1)
    for opening, limit_nusd in (("on", 25 * USD), ("trial", 2 * USD), ("off", 0)):
        yield (
            f"Settings of a new channel, {opening}, for an admin",
            w.SettingsView("C0PLATFORM", "#platform", limit_nusd, 25 * USD, opening, may_change=True),
        )
    yield (
        "Settings of a new channel, for a member",
        w.SettingsView("C0PLATFORM", "#platform", 2 * USD, 25 * USD, "trial", may_change=False, owner=DANA),
    )
    yield "The trial is used up", c.OpeningView("C0PLATFORM", 2 * USD, 25 * USD, DANA)
    yield "New channels are off", c.OpeningView("C0PLATFORM", 0, 25 * USD)
    yield "A channel that was enabled", c.OpeningView("C0PLATFORM", 0, 25 * USD, enabled_by=DANA)


def _budgets() -> Iterator[tuple[str, Any]]:
    part = ReportPart("decide", 20 * USD, 7)
    report = Report(
        name="#platform", channel="C0PLATFORM", period="2026-11", is_current=True, limit_nusd=25 * USD, granted_nusd=0,
        settled_nusd=24 * USD, held_nusd=USD, calls=70, resets_on="1 Dec", days_left=1, days=(1, 2), days_in_month=30,
        forecast_nusd=25 * USD, flows=(part, ReportPart("choosing the flow", 4 * USD - 6 * CENT, 1, is_named=False)),
        agents=(part,), models=(part,), people=(), dearest=(), uncertain=(), overruns=(), last_nusd=20 * USD,
        runs_out=None, history=(),
    )  # fmt: skip
    empty = replace(
        report,
        settled_nusd=0,
        held_nusd=0,
        calls=0,
        flows=(),
        agents=(),
        models=(),
        last_nusd=None,
        days_left=20,
        forecast_nusd=None,
    )
    book = b.BookLine("#platform", 25 * USD, 24 * USD, USD)
    yield "Budget of a channel", b.BudgetView(report, can_change=True, can_post=True)
    yield "Budget of a new channel", b.BudgetView(empty)
    for field, value in (("limit", "50.00"), ("grant", "10.00"), ("user_cap", "5.00"), ("alerts", "50 80")):
        yield f"An attempt at a budget command: {field}", b.BudgetOfferView(EditBudget(field, value))
    yield "All budgets", b.BooksView("November 2026", book, (book,), 5 * USD, USD)
    yield (
        "Changes of a budget",
        b.AuditView("#platform", (b.AuditLine("29 Nov 14:02", "Dana", "limit $25 → $50", "launch"),)),
    )


def _homes() -> Iterator[tuple[str, Any]]:
    line = li.RunLine(RUN.run_id, RUN.request, v.RunState.WAITING, 0, "29 Nov 14:02 UTC", "https://example.slack.com/x")
    facts = Facts(
        granted=frozenset({"chat:write"}), needed=frozenset({"chat:write"}), optional=frozenset(),
        providers=("OpenAI",), texts_days=90, attachments_days=90, deliveries_days=7, ratings_days=400,
        limits=Limits(100 * USD, 25 * USD, 5 * USD, None), on_trial=(), owners=(), contact="Dana",
        backup_us=1_795_000_000_000_000, makes_own_backups=True, now_us=1_795_000_000_000_000,
    )  # fmt: skip
    troubled = replace(
        facts, granted=frozenset({"commands"}), optional=frozenset({"reactions:write", "files:write"}),
        providers=("OpenAI", "Anthropic"), texts_days=1, limits=Limits(100 * USD, 25 * USD, 5 * USD, 20 * USD),
        on_trial=("#a", "#b"), owners=("#platform: Lee, Dana",), contact="", backup_us=1_792_000_000_000_000,
    )  # fmt: skip
    quiet = HomeView(li.RunsView(()), (), OwnMonth("November", 0), li.BalancesView(()))
    books = b.BooksView("November 2026", b.BookLine("The workspace", 100 * USD, 0, 0), (), 25 * USD, 5 * USD)
    busy = HomeView(
        li.RunsView((line,)), (WaitingLine(RUN.request, "A price to accept: up to $0.50."),),
        OwnMonth("November", 3 * CENT, (0,) * 7 + (CENT, 2 * CENT)), li.BalancesView((BALANCE, UNUSED)),
        is_mentioned=False,
    )  # fmt: skip
    yield "A person's home", home_tab(busy, example=li.FlowLine("decide", "Four argue, one decides."))
    yield "An admin's home, all is well", home_tab(replace(quiet, admin=AdminView(books, checks(facts))), example=None)
    for name, one in (
        ("with much to do", troubled),
        ("Slack does not tell the scopes, no backup", replace(facts, granted=None, backup_us=None)),
        ("PostgreSQL", replace(facts, makes_own_backups=False)),
    ):
        yield f"The checklist, {name}", [line_of(check.text) for check in checks(one)]
    yield "The home of somebody who may not ask", closed_home("I only work for members of this organisation.")
    yield "What is stored about a person", own_words_view(OwnWords(1, 3, 0, 2, 1, 4, 1, stored(("OpenAI",), 90)))
    yield "Without each scope", [line_of(f"{name}: {one.purpose} {one.without}") for name, one in SCOPES.items()]


SECTIONS = {
    "A request and its plan": _runs,
    "Answers": _answers,
    "Questions and refusals": _cards,
    "Tools": _tools,
    "Private replies": _private,
    "New channels": _channels,
    "Budgets": _budgets,
    "The app's home": _homes,
}


def page() -> str:
    """Return the page as Markdown."""
    renderer = Renderer("plain")
    parts = [
        "# Every sentence people read in Slack",
        "Made by `python -m tests.support.sentences`; a test keeps it current. Buttons stand in brackets.",
    ]
    for title, samples in SECTIONS.items():
        parts.append(f"## {title}")
        for name, view in samples():
            parts += [f"**{name}**", "\n".join(f"> {line}" for line in _lines(_blocks(renderer, view)))]
    parts += ["## Help for each word", "\n".join(f"- {unescape(Mrkdwn(text))}" for text in TOPICS.values())]
    return "\n\n".join(parts) + "\n"


def _blocks(renderer: Renderer, view: Any) -> list[Any]:
    """Return the blocks of a message's view, or those of a home tab or a form."""
    if isinstance(view, list):
        return view
    if isinstance(view, dict):
        return list(view["blocks"])
    messages = renderer.answer(view) if isinstance(view, v.AnswerView) else (renderer.message(view),)
    return [block for message in messages for block in message.blocks]


def _lines(blocks: list[Any]) -> Iterator[str]:
    for block in blocks:
        yield from (line or " " for text in _texts(block) for line in unescape(Mrkdwn(text)).splitlines())


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, list | tuple):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        if node.get("type") == "button":
            yield f"[{node['text']['text']}]"
        elif isinstance(node.get("text"), str):
            yield node["text"]
        else:
            for key in ("title", "label", "text", "fields", "elements", "element", "accessory", "options", "hint"):
                yield from _texts(node.get(key, ()))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

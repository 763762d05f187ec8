"""Every message the bot can send, filled with hostile text, is one that Slack takes and that acts on nothing."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands.budget import EditBudget
from bot.messages import budget_views as b
from bot.messages import card_views as cv
from bot.messages import list_views as lv
from bot.messages import notice_views as nv
from bot.messages import tool_views as tv
from bot.messages import views as v
from bot.messages import welcome_views as wv
from bot.messages.month_report import ExpensiveRun, FlowRating, PastMonth, Report, ReportPart, UncertainCall
from bot.messages.pagination import Profile
from bot.messages.renderer import Renderer
from bot.messages.story_views import DecisionLine, RouteLine, StoryView
from patterns.core.events import MissingVoice, PatternResult, StopReason
from patterns.core.quotes import PriceEstimate
from patterns.core.reasons import Remedy
from patterns.core.tools import AskedCall, Source
from tests.fakes.blockkit import check_message, strings
from tests.support.statistics import stats_view
from tests.support.stories import attempt, step, story

RENDERERS: dict[Profile, Renderer] = {"plain": Renderer("plain"), "rich": Renderer("rich")}
ASKER = v.Person("U0ASKER", "Dana")
PRICE = PriceEstimate(30_000_000, 120_000_000)
NEEDS = cv.Needs(PRICE, 840_000_000)
OURS = re.compile(r"<@U0ASKER>|<https?://[^\s<>|]+>")
LIVE = re.compile(
    r"<(?:!(?:here|channel|everyone|group|subteam|date)|@[UWB]|#C|[a-z]+:[^>\s]*\|)|@(?:here|channel|everyone)\b",
    re.IGNORECASE,
)

HOSTILE = [
    "<!channel> <!here> <!everyone> <!subteam^S1|x> <@U123> <#C123|general> @here @channel @everyone",
    "<https://evil.example|https://good.example> [https://good.example](https://evil.example) ![x](https://e.example/?q)",
    "\\[a](http://evil.example) [b]: http://evil.example\n\n[b] <mailto:a@b.c|x> <!date^1^{date}^https://evil.example|x>",
    "```\n<!channel>\n``` ```` `<!here>` `` ` `` & &lt;!channel&gt; &#60;!here&#62;",
    '{{ 7*7 }} {% raw %} " \\ \u202egnp.exe',
    "&" * 5_000,
    "<!here>" * 2_000,
    "x" * 20_000,
    '"\\\n' * 4_000,
    "word " * 6_000,
    "\U0001f600" * 6_000,
    "```\n" + "&<>" * 4_000,
    "|a|b|\n|-|-|\n" + "|<!here>|" + "&" * 300 + "|\n|||\n",
    ("|a" * 30 + "|\n" + "|-" * 30 + "|\n") + ("|1" * 30 + "|\n") * 150,
    "|a|b|\n|-|-|\n|1|2|\n\n" * 60,
    "- a\n    - b\n        - c\n" * 300,
    "",
    " \n\t\x00\x07",
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=4_000), st.text("<>!@#|&`*_[]()\n -CUhere", max_size=4_000)
)


def report(text: str) -> Report:
    parts = tuple(ReportPart(text, 1_000_000_000, 3) for _ in range(40))
    return Report(
        name=text, channel="C1", period="2026-11", is_current=True, limit_nusd=5, granted_nusd=1, settled_nusd=3,
        held_nusd=1, calls=7, resets_on="1 Dec", days_left=8, days=(1, 2), days_in_month=30, forecast_nusd=9,
        runs_out=date(2026, 11, 24), flows=parts, agents=parts, models=parts, people=parts,
        dearest=(ExpensiveRun(text, text, 5, 2, text),) * 5, uncertain=(UncertainCall(text, text, 5, text),) * 40,
        overruns=(UncertainCall(text, text, 5, text, 3),) * 40, last_nusd=4,
        history=tuple(PastMonth(f"2026-{month:02d}", 5, 2) for month in range(1, 13)),
        opinions=(FlowRating(text, 4, 1),) * 40, play_money=True,
    )  # fmt: skip


def budget_views(text: str) -> list[Any]:
    line = b.BookLine(text, 5, 4, 3, text)
    return [
        b.BudgetView(report(text), price_note=text, attached=text),
        *(b.BudgetOfferView(EditBudget(field, "50.00")) for field in ("limit", "grant", "user_cap", "alerts")),
        b.BudgetView(report(text), 5, ((text, text),) * 40, True, True, text, "", text),
        b.BooksView(text, line, (line,) * 60, 5, 5, text, (text,) * 5),
        b.AuditView(text, (b.AuditLine(text, text, text, text),) * 40),
    ]


def story_of(text: str) -> StoryView:
    """A long run whose every text is this one."""
    line = step(1, label=text, model=text, ended=text, attempts=(attempt(model=text, ended=text),) * 3)
    return replace(
        story(),
        asker=v.Person(text, text),
        place=text,
        request=text,
        route=RouteLine(text, "router", text),
        diagram=(text,) * 9,
        steps=(line,) * 60,
        decisions=(DecisionLine(text, text, 3, 0.0),) * 9,
        notes=(text,) * 9,
        missing=(MissingVoice(name=text, reason=text),) * 9,
        ended=text,
    )


def tool_views(text: str, run: v.RunView, person: v.Person) -> list[Any]:
    arguments = json.dumps({text: text, "labels": [text, {"deep": text}]})
    call = AskedCall(agent=text, tool=f"tickets.{text}", arguments=arguments, price_nusd=5, reach="anywhere", note=text)
    odd = AskedCall(agent=text, tool=text, arguments=text)
    line = tv.ToolLine(text, is_on=True, reads_only=False, asks=True, price_nusd=5, is_allowed=True)
    grants = (tv.GrantLine("0123456789abcdef", text, text, text),) * 40
    return [
        tv.ToolCardView(run, (call,), text, text, question="a/turn/1/ask/b", looked_up=(v.LookedUp(text, text),) * 9),
        tv.ToolCardView(run, (call, odd) * 9, text, text, question="a/" * 200, may_stand=False),
        tv.ToolCardView(run, (odd,), decided=text or "Denied.", question="a/turn/1/ask/b"),
        tv.OutcomeCardView(run, call, text, text, question="a/turn/1/call/1/outcome"),
        tv.OutcomeCardView(run, odd, decided=text or "Done.", question="a/turn/1/call/1/outcome"),
        tv.FormCardView(
            run, f"tickets.{text}", text, (text,) * 20, who=text, deadline=text, question="a/form/1/answer"
        ),
        tv.FormCardView(run, text, text, url="https://pay.example/" + "x" * 900, host="pay.example", question="a"),
        tv.FormCardView(run, text, text, (text,), decided=text or "Done.", question="a"),
        tv.ToolsView("C1", text, (line,) * 90, text, outsiders=True, grants=grants, may_change=True, owner=person),
        tv.ToolsView("C1", text, (replace(line, is_on=False),), text, grants=grants, owner=person),
        tv.ToolsView("D1", text, (line,), is_dm=True, offers=(tv.OffersLine(text, (text,) * 30, (text,) * 30),) * 9),
        tv.ToolsView("C1", text, ()),
    ]


def every_view(text: str) -> list[Any]:
    balance = v.BalanceView(text, 25_000_000_000, 23_940_000_000, 750_000_000, text, 3)
    person = v.Person(text, text)
    run = v.RunView(
        run_id="run-1", channel="C0PLATFORM", asker=person, request=text, state=v.RunState.RUNNING, flow=text,
        agents=(text,) * 20, outcome_line=text, price=PRICE, balance=balance,
        model_note=text, play_money=True,
    )  # fmt: skip
    states = list(v.StepState)
    steps = tuple(v.StepView(f"p/{n}", text, states[n % 6], text, n, n * 10_000, text) for n in range(45))
    flow = lv.FlowLine(text, text, PRICE, diagram=(text,) * 9)
    called = (v.ToolCallLine(text, text, text, 0.4, 2_000, 5, text, "unknown"),) * 40
    found = [
        v.ProgressView(run, steps, (text,) * 9, 3.2, 5),
        cv.RefusalView(NEEDS, balance, text, PRICE, person),
        cv.RefusalView(NEEDS, balance, text, PRICE, person, queue_key="key", key="key"),
        cv.RefusalView(NEEDS, balance, text, PRICE, person, run_id="run-1"),
        cv.RefusalView(NEEDS, balance, owner=ASKER, blocked=text or "paused"),
        cv.ConfirmView(run, text, PRICE),
        cv.ConfirmView(run, decided=text or "Run."),
        v.DetailsView(run, 5, 5, (v.ModelUse(text, 1, 2, 3, 4),) * 40, steps),
        v.DetailsView(run, 5, 5, (v.ModelUse(text, 1, 2, 3, 4),) * 40, steps, called),
        cv.ReviewView(run, text, text, text, 1, text),
        cv.ReviewView(run, text, text, text, 1, text, question="a/human", is_optional=True, has_approvers=True),
        cv.OpeningView("C1", 2_000_000_000, 25_000_000_000, person),
        cv.OpeningView("C1", 0, 25_000_000_000),
        cv.OpeningView("C1", 0, 25_000_000_000, enabled_by=person),
        wv.WelcomeView((text, text), 90),
        wv.SettingsView("C1", text, 2_000_000_000, 25_000_000_000, "trial", may_change=True, owner=person),
        wv.SettingsView("C1", text, 0, 25_000_000_000, "off", may_change=False),
        cv.BudgetQueueView(NEEDS, balance, deadline=text),
        cv.BudgetQueueView(NEEDS, balance, decided=text or "Begun."),
        cv.BudgetRequestView(run, 300_000_000, balance, person, text, question="money/1"),
        cv.BudgetRequestView(run, 300_000_000, balance, decided=text or "Nobody."),
        *tool_views(text, run, person),
        nv.CallView((person, person), f"please look: {text}"),
        nv.CallView((), f"please look: {text}"),
        nv.HelpCallView(person, text, (text, text), "https://example.slack.com/x", text),
        nv.HelpCallView(person, text, (text,), text),
        cv.RoundView(1, text, text),
        cv.ReviewView(run, text, text, decided=text or "Approved."),
        nv.NearMissView(text, text, "key"),
        *(nv.QueuedView("run-1", state) for state in (v.RunState.QUEUED, v.RunState.RUNNING, v.RunState.STOPPED)),
        nv.EditedView("key"),
        nv.InviteView("key", text),
        nv.NoticeView(text or "ok", "error", text),
        lv.HelpView(text, text, (flow,) * 40),
        lv.AgentsView((lv.AgentLine(text, text, text),) * 40),
        lv.AgentsView((lv.AgentLine(text, text, text),), (replace(flow, agents=(text,), choices=(text,)),) * 40),
        lv.AgentsView((lv.AgentLine(text, text, text),), (replace(flow, agents=(text,)),) * 40, shows_all=True),
        lv.FlowsView((flow,) * 40, text),
        lv.BalancesView((balance,) * 40, play_money=True),
        story_of(text),
        stats_view((text,) * 40, text),
        lv.RunsView((lv.RunLine("r", text, v.RunState.DONE, 5, text, text),) * 40),
        *budget_views(text),
    ]
    for state in v.RunState:
        closed = v.RunView("run-1", "C1", ASKER, text, state, outcome_line=text, scripted=True)
        found += [closed, v.ProgressView(closed, steps)]
    return found


def answer_view(text: str, reason: StopReason) -> v.AnswerView:
    run = v.RunView("run-1", "C0PLATFORM", ASKER, text, v.RunState.DONE, dry=True)
    missing = (MissingVoice(name=text, reason=text), MissingVoice(name="cost", reason="it did not answer"))
    result = PatternResult(output=text, stop_reason=reason, cost_nusd=5, missing=missing, notes=(text,) * 9)
    return v.AnswerView(
        run, result, 80, 3, 3, 5, 90_000_000, ASKER, 300_000_000, mention_asker=True, remedies=tuple(Remedy),
        sources=(Source(title=text, url="https://wiki.example/" + "x" * 300), Source(title=text)) * 9, had_tools=True,
        would_call=(v.WouldCall(text, text, text, 5),) * 30,
    )  # fmt: skip


def complaints(message: v.SlackMessage) -> list[str]:
    found = check_message(message.blocks, message.text)
    if not message.text.strip():
        found.append("no fallback text")
    spoken = [message.text, *_spoken(message.blocks)]
    found += [f"live: {text[:200]!r}" for text in spoken if "<" in OURS.sub("", text)]
    everything = [message.text, *strings(message.blocks)]
    found += [f"live: {text[:200]!r}" for text in everything if LIVE.search(OURS.sub("", text))]
    return found


def _spoken(node: Any) -> list[str]:
    """The texts that Slack parses as mrkdwn."""
    if isinstance(node, dict):
        own = [node["text"]] if node.get("type") == "mrkdwn" else []
        return own + [text for value in node.values() for text in _spoken(value)]
    return [text for value in node for text in _spoken(value)] if isinstance(node, list | tuple) else []


@pytest.mark.parametrize("profile", ["plain", "rich"])
@pytest.mark.parametrize("text", HOSTILE)
def test_every_message_of_hostile_text_is_accepted_and_harmless(text: str, profile: Profile) -> None:
    found = {type(view).__name__: complaints(RENDERERS[profile].message(view)) for view in every_view(text)}
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize("profile", ["plain", "rich"])
@pytest.mark.parametrize("text", HOSTILE)
def test_every_answer_of_hostile_text_is_accepted_and_harmless(text: str, profile: Profile) -> None:
    for reason in StopReason:
        messages = RENDERERS[profile].answer(answer_view(text, reason))
        assert [complaints(message) for message in messages] == [[] for _ in messages]


@given(text=TEXTS, profile=st.sampled_from(["plain", "rich"]))
@settings(max_examples=25, deadline=None)
def test_any_text_is_accepted_and_harmless(text: str, profile: Profile) -> None:
    for message in RENDERERS[profile].answer(answer_view(text, StopReason.PARTIAL)):
        assert complaints(message) == []
    for view in every_view(text)[:8]:
        assert complaints(RENDERERS[profile].message(view)) == []


BROKEN: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "3001 characters": lambda: [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}],
    "51 blocks": lambda: [{"type": "divider"}] * 51,
    "unknown block": lambda: [{"type": "sextion"}],
    "unknown property": lambda: [{"type": "divider", "color": "red"}],
    "two tables": lambda: [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}] * 2,
    "empty cell": lambda: [{"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]}],
    "same action id": lambda: [{"type": "actions", "elements": [_button("a"), _button("a")]}],
    "mrkdwn on a button": lambda: [{"type": "actions", "elements": [_button("a", "mrkdwn")]}],
    "same block id": lambda: [{"type": "divider", "block_id": "a"}] * 2,
    "alert in a message": lambda: [{"type": "alert", "text": {"type": "plain_text", "text": "over"}}],
    "too much in all": lambda: [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}] * 5,
    "too much markdown": lambda: [{"type": "markdown", "text": "x" * 4_100}] * 3,
    "no elements": lambda: [{"type": "context", "elements": []}],
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_checker_finds_what_slack_refuses(case: str) -> None:
    assert check_message(BROKEN[case](), "text") != []


def _button(action_id: str, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": {"type": kind, "text": "Go"}}

"""The sentences people read, word for word, and the template rules that keep them safe."""

import re
from dataclasses import replace

import pytest

from bot.messages import card_views as cv
from bot.messages import views as v
from bot.messages.action_ids import QUEUE_IT
from bot.messages.outcome_text import budget_queue, footer, headline, refusal
from bot.messages.renderer import Renderer, templates_folder
from bot.messages.run_text import collapsed, plan, state
from patterns.core.events import MissingVoice, PatternResult, StopReason
from patterns.core.quotes import PriceEstimate

DANA = v.Person("U0DANA", "Dana")
BALANCE = v.BalanceView("#platform", 25_000_000_000, 23_940_000_000, 750_000_000, "1 Dec", held_runs=3)
PRICE = PriceEstimate(90_000_000, 840_000_000, has_history=True)
NEEDS = cv.Needs(PRICE, 700_000_000)
OUT_OF_USE = "was taken out of use, because the provider billed more than our highest estimate"
CHEAP = PriceEstimate(10_000_000, 50_000_000)
RUN = v.RunView("run-1", "C0PLATFORM", DANA, "Which one?", v.RunState.RUNNING, balance=BALANCE)
RESULT = PatternResult(output="The first.", stop_reason=StopReason.COMPLETED, cost_nusd=30_000_000)
ANSWER = v.AnswerView(RUN, RESULT, seconds=24, agents_count=3, steps_done=3, steps_total=5, owner=DANA)


def ended(reason: StopReason, **changes: object) -> v.AnswerView:
    return replace(ANSWER, result=RESULT.model_copy(update={"stop_reason": reason, **changes}))


def templates_of(view: type[v.View]) -> set[str]:
    own = {view.template} if hasattr(view, "template") else set()
    return own.union(*(templates_of(one) for one in view.__subclasses__()))


def test_every_template_belongs_to_a_view_and_every_view_has_one() -> None:
    files = {path.name.removesuffix(".json.j2") for path in templates_folder().glob("[!_]*.json.j2")}
    assert templates_of(v.View) == files - {"answer"}


def test_a_refusal_says_what_is_missing_and_the_ways_out() -> None:
    assert refusal(cv.RefusalView(NEEDS, BALANCE, "answer", CHEAP, DANA)) == (
        "Not started, nothing spent. This costs about $0.09, at most $0.84; $0.70 must be free before it starts, and "
        "$0.31 is left in #platform ($25.00 limit, $23.94 spent, $0.75 held by 3 requests). Wait until those requests "
        "are done, use `answer` (about $0.01, at most $0.05), or ask <@U0DANA>. The budget resets on 1 Dec."
    )


def test_a_frozen_budget_says_what_its_freezer_wrote() -> None:
    frozen = cv.RefusalView(NEEDS, BALANCE, owner=DANA, blocked="frozen", blocked_reason="we wait for the invoice.")
    assert refusal(frozen) == (
        "Not started, nothing spent. The budget of #platform is frozen. <@U0DANA> can unfreeze it. "
        "The reason given: we wait for the invoice."
    )


def test_a_refusal_over_what_others_hold_offers_to_queue() -> None:
    view = cv.RefusalView(NEEDS, BALANCE, owner=DANA, queue_key="key")
    assert "Queue this until those requests are done or ask <@U0DANA>. The budget resets on 1 Dec." in refusal(view)
    offered = [QUEUE_IT in str(Renderer().message(replace(view, queue_key=key)).blocks) for key in ("key", "")]
    assert offered == [True, False]


def test_a_run_in_line_says_what_it_waits_for() -> None:
    assert budget_queue(cv.BudgetQueueView(NEEDS, BALANCE, deadline="Until 14:02 UTC; then I give up.")) == (
        "⏳ Waiting for budget. This costs about $0.09, at most $0.84; $0.70 must be free before it starts, and "
        "$0.31 is left in #platform ($25.00 limit, $23.94 spent, $0.75 held by 3 requests). "
        "It starts by itself when enough is free, in the order of asking. "
        "Until 14:02 UTC; then I give up."
    )


def test_a_refusal_without_other_ways_names_the_admins() -> None:
    balance = replace(BALANCE, held_nusd=0, held_runs=0)
    assert refusal(
        cv.RefusalView(replace(NEEDS, price=replace(PRICE, has_history=False), free_nusd=2_000_000_000), balance)
    ) == (
        "Not started, nothing spent. This costs about $0.09, at most $0.84 (first estimate, from typical lengths); "
        "$2.00 must be free before it starts, and $1.06 is left in #platform ($25.00 limit, $23.94 spent). "
        "Ask an admin. The budget resets on 1 Dec."
    )


@pytest.mark.parametrize(
    ("blocked", "expected"),
    [
        ("paused", "The budget of #platform is paused. <@U0DANA> can resume it."),
        (
            "frozen",
            "The budget of #platform is frozen. <@U0DANA> can unfreeze it.",
        ),
        (
            "quarantined",
            f"The model {OUT_OF_USE}. <@U0DANA> can put it back into use.",
        ),
    ],
)
def test_a_closed_budget_says_who_opens_it(blocked: str, expected: str) -> None:
    view = cv.RefusalView(NEEDS, BALANCE, owner=DANA, blocked=blocked)
    assert refusal(view) == f"Not started, nothing spent. {expected}"


def test_a_budget_that_ran_out_says_what_is_missing_and_how_it_goes_on() -> None:
    missing = (MissingVoice(name="cost", reason="budget"), MissingVoice(name="security", reason="budget"))
    view = ended(StopReason.BUDGET, missing=missing, cost_nusd=220_000_000)
    assert headline(replace(view, grant_nusd=300_000_000)) == (
        "Partial answer: the channel's budget ran out after 3 of 5 steps ($0.22). Missing: cost and security. "
        "If <@U0DANA> grants $0.30, I continue at step 4; nothing is paid twice."
    )


@pytest.mark.parametrize("reason", StopReason)
def test_every_way_a_run_ends_is_said_in_words(reason: StopReason) -> None:
    missing = (MissingVoice(name="cost", reason="it did not finish"),)
    text = headline(ended(reason, missing=missing))
    assert (text[:1].isupper(), text[-1:], "cost" in text) == (True, ".", True)


@pytest.mark.parametrize(
    ("kind", "closed", "why"),
    [
        ("workspace", "", "the workspace's budget ran out"),
        ("user", "", "the asker's share of the budget ran out"),
        ("channel", "", "the channel's budget ran out"),
        ("channel", "frozen", "the budget here was frozen"),
        ("workspace", "paused", "all spending was paused"),
    ],
)
def test_the_ending_names_the_budget_that_refused_and_why(kind: str, closed: str, why: str) -> None:
    view = replace(ended(StopReason.BUDGET, cost_nusd=220_000_000), refused_by=kind, closed=closed)
    assert headline(view) == f"Partial answer: {why} after 3 of 5 steps ($0.22)."


def test_a_run_that_failed_says_who_is_missing_and_why() -> None:
    missing = (
        MissingVoice(
            name="cost",
            reason=f"its model {OUT_OF_USE}",
        ),
    )
    assert headline(ended(StopReason.FAILED, missing=missing, cost_nusd=0)) == (
        "Partial answer: something failed after 3 of 5 steps ($0.00). "
        "cost is missing: its model was taken out of use, because the provider billed more than our highest estimate."
    )


def test_missing_voices_are_named_in_one_line_each_reason_once() -> None:
    silent, late = "its model did not respond", "the time was up."
    missing = tuple(
        MissingVoice(name=n, reason=r) for n, r in (("security", silent), ("legal", late), ("cost", silent))
    )
    assert headline(ended(StopReason.PARTIAL, missing=missing)) == (
        "Answered without security and cost: their models did not respond; without legal: the time was up."
    )


def test_an_answer_with_warnings_has_one_line_above_it() -> None:
    missing = (MissingVoice(name="cost", reason="the time was up"),)
    warned = replace(ended(StopReason.PARTIAL, missing=missing), uncertain_nusd=60_000_000)
    assert headline(warned) == "Answered without cost: the time was up. $0.06 is counted for calls nobody can confirm."
    assert "\n" not in headline(replace(warned, mention_asker=True))


def test_an_uncertain_bill_is_said() -> None:
    assert headline(replace(ANSWER, uncertain_nusd=90_000_000)) == ("$0.09 is counted for calls nobody can confirm.")


@pytest.mark.parametrize(
    ("reason", "output", "expected"),
    [
        (StopReason.COMPLETED, "x", ""),
        (StopReason.CANCELLED, "", "Stopped after 3 of 5 steps ($0.03)."),
        (StopReason.TIMEOUT, "", "No answer: the time for this request was up after 3 of 5 steps ($0.03)."),
        (StopReason.LIMIT, "x", "Partial answer: this request reached its limit after 3 of 5 steps ($0.03)."),
        (StopReason.FAILED, "", "No answer: something failed after 3 of 5 steps ($0.03)."),
        (StopReason.REJECTED, "x", "Not approved: this is the last draft, and nobody approved it ($0.03)."),
    ],
)
def test_every_end_has_its_sentence(reason: StopReason, output: str, expected: str) -> None:
    assert headline(ended(reason, output=output)) == expected


def test_the_footer_is_one_line() -> None:
    assert footer(ANSWER) == "$0.03 · 24 s · 3 agents"
    scripted = replace(ANSWER, run=replace(RUN, scripted=True))
    assert footer(scripted).endswith(" · Scripted: no AI ran, play money")


def test_the_plan_says_price_balance_and_model() -> None:
    run = replace(
        RUN, flow="decide", agents=("advocate", "sceptic", "cost"), price=PRICE,
        model_note="gpt-5-mini answers", play_money=True,
    )  # fmt: skip
    assert plan(run) == (
        "*decide* · advocate, sceptic and cost\n"
        "about $0.09, at most $0.84 · $0.31 left in #platform · gpt-5-mini answers · play money"
    )


def test_progress_collapses_to_one_line() -> None:
    run = replace(RUN, state=v.RunState.DONE, flow="decide")
    steps = (v.StepView("p/1", "a", v.StepState.DONE), v.StepView("p/2", "b", v.StepState.FAILED))
    view = v.ProgressView(run, steps, elapsed_s=24, cost_nusd=30_000_000)
    assert collapsed(view) == "✅ answered · `decide` · 1 of 2 steps"
    assert [block["type"] for block in Renderer("rich").message(view).blocks] == ["context"]


def test_only_an_open_run_can_be_stopped() -> None:
    buttons = {s: "run_stop" in str(Renderer("plain").message(replace(RUN, state=s)).blocks) for s in v.RunState}
    assert buttons == {s: s in {v.RunState.QUEUED, v.RunState.RUNNING, v.RunState.WAITING} for s in v.RunState}


def test_the_state_line_tells_the_outcome() -> None:
    run = replace(RUN, state=v.RunState.PARTIAL, outcome_line="the budget ran out")
    assert state(run) == "⚠️ partly answered · the budget ran out"


def test_the_details_button_carries_the_run() -> None:
    (message,) = Renderer("rich").answer(ANSWER)
    values = re.findall(r"'action_id': '(\w+)', 'value': '([^']+)'", str(message.blocks))
    assert ("run_details", "run-1") in values


def test_every_value_of_a_template_is_encoded() -> None:
    values = [
        (path.name, value)
        for path in sorted(templates_folder().glob("*.j2"))
        for value in re.findall(r"{{(.*?)}}", path.read_text(encoding="utf-8"))
    ]
    macros = ("section(", "context(", "button(", "buttons(", "text(", "menu(", "select(")
    bare = [found for found in values if not found[1].strip().startswith(macros) and "| tojson" not in found[1]]
    assert (bare, len(values) > 50) == ([], True)


def test_no_template_vouches_for_a_text() -> None:
    sources = [path.read_text(encoding="utf-8") for path in templates_folder().glob("*.j2")]
    assert [source for source in sources if re.search(r"\|\s*(safe|mark_safe)\b|autoescape", source)] == []

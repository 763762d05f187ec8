"""Whatever reason a run or a step has, what people read is its clause and never its code."""

import json
import re
from dataclasses import replace

import click
import pytest

from bot.cli.terminal import ProgressPrinter
from bot.messages.budget_text import sections
from bot.messages.budget_views import BudgetView
from bot.messages.card_views import Needs, RefusalView
from bot.messages.month_report import UncertainCall
from bot.messages.outcome_text import headline, refusal
from bot.messages.renderer import Renderer
from bot.messages.views import (
    AnswerView,
    BalanceView,
    DetailsView,
    Person,
    ProgressView,
    RunState,
    RunView,
)
from bot.threads.progress import ProgressBoard
from bot.threads.run_views import step_view
from patterns.core.errors import BudgetExceededError, LimitReachedError
from patterns.core.events import StepFinished, StepRetried, StopReason
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.pattern import _failed, _stopped
from tests.contract.test_blockkit import report
from tests.unit.bot.slack.test_client import FakeClock

CODES = [*(reason.value for reason in Reason), "spilled_coffee"]
"""Everything that can be stored, and what a newer program may store."""
each_code = pytest.mark.parametrize("code", CODES)

DANA = Person("U0DANA", "Dana")
BALANCE = BalanceView("#platform", 25_000_000_000, 0, 0, "1 Dec")
RUN = RunView("run-1", "C1", DANA, "Which?", RunState.RUNNING, balance=BALANCE)


def codes_in(text: str, code: str) -> list[str]:
    """Return the occurrences of a code that is no word of its own clause."""
    if code in Reason(code).clause():
        return []
    return re.findall(rf"(?<![a-z_]){re.escape(code)}(?![a-z_])", text)


def rendered(view: ProgressView | DetailsView, profile: str = "plain") -> str:
    message = Renderer(profile).message(view)
    return f"{message.text}\n{json.dumps(message.blocks, ensure_ascii=False)}"


async def shown(*events: StepFinished | StepRetried) -> ProgressView:
    async def edit(view: ProgressView) -> bool:
        return view is not None

    board = ProgressBoard(FakeClock())
    board.open(RUN, edit)
    for event in events:
        board.emit(RUN.run_id, event)
    view = board.view(RUN.run_id)
    await board.close(RUN.run_id, RUN)
    assert view is not None
    return view


def failed(code: str) -> StepFinished:
    return StepFinished("p/editor", "editor", "fast", False, code, None, 0, 0, False)


@each_code
async def test_progress_in_the_thread(code: str) -> None:
    retried = await shown(StepRetried("p/router", "router", code, "fast-model"))
    over = await shown(failed(code))
    assert [step.note for view in (retried, over) for step in view.steps] == [
        f"{Reason(code).clause()}, trying fast-model",
        Reason(code).clause(),
    ]
    for profile in ("rich", "plain"):
        for view in (retried, over):
            assert codes_in(rendered(view, profile), code) == []


@each_code
def test_progress_in_a_terminal(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    board = ProgressPrinter()
    board.emit("r1", StepRetried("p/router", "router", code, "fast-model"))
    board.emit("r1", failed(code))
    clause = Reason(code).clause()
    assert click.unstyle(capsys.readouterr().err).splitlines() == [
        f"↻ router: {clause}, trying fast-model",
        f"✗ editor · 0 s · $0.00 · {clause}",
    ]


@each_code
def test_details(code: str) -> None:
    record = StepRecord(path="p/critic", input_hash="", outcome="failed", agent="critic", reason=code)
    view = DetailsView(RUN, 1.0, 0, steps=(step_view(record),))
    assert view.steps[0].note == Reason(code).clause()
    assert codes_in(rendered(view), code) == []


@each_code
def test_the_answer(code: str) -> None:
    record = StepRecord(path="p/critic", input_hash="", outcome="failed", agent="critic", reason=code)
    result = _failed(record, ()).model_copy(update={"stop_reason": StopReason.PARTIAL, "output": "The first."})
    text = headline(AnswerView(RUN, result, seconds=1, agents_count=1))
    assert codes_in(text, code) == []
    assert "critic" in text


@pytest.mark.parametrize("limit", [Reason.RUN_S, Reason.STEPS, Reason.DEPTH])
def test_a_limit(limit: Reason) -> None:
    result = _stopped("critic", LimitReachedError("The time for this run is over.", limit=limit))
    assert [voice.reason for voice in result.missing] == [limit.clause()]


@pytest.mark.parametrize("blocked", [None, Reason.PAUSED, Reason.FROZEN, Reason.QUARANTINED, Reason.CLOCK])
def test_a_refused_hold(blocked: Reason | None) -> None:
    result = _stopped("critic", BudgetExceededError("Refused.", kind="channel", key="C1", blocked=blocked))
    assert [voice.reason for voice in result.missing] == [(blocked or Reason.BUDGET).clause()]


@each_code
def test_a_refused_request(code: str) -> None:
    sentence = Reason(code).sentence(model="the model", budget="the budget of #platform", owner="<@U0DANA>")
    expected = f"Not started, nothing spent. {sentence[:1].upper()}{sentence[1:]}"
    assert refusal(RefusalView(Needs(None, 1), BALANCE, owner=DANA, blocked=code)) == expected


@each_code
def test_calls_without_a_bill(code: str) -> None:
    month = replace(report("x"), uncertain=(UncertainCall("r1/p/1.1", "gpt-5", 5, code),))
    text = "\n".join(sections(BudgetView(month, own_nusd=0)))
    assert Reason(code).clause(model="gpt-5") in text

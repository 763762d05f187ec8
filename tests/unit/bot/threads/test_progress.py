"""A run's events become one message: at most an edit a second, always the last state, never in the run's way."""

import asyncio
from dataclasses import replace

from bot.messages.views import Person, ProgressView, RunState, RunView, StepState
from bot.slack.errors import SlackError
from bot.threads.progress import ProgressBoard
from patterns.core.errors import StorageError
from patterns.core.events import (
    Noted,
    Planned,
    Reviewed,
    Routed,
    StepFinished,
    StepRetried,
    StepStarted,
    TextDelta,
    ToolCalled,
)
from patterns.core.quotes import PriceEstimate
from patterns.core.step_record import StepRecord
from tests.unit.bot.slack.test_client import FakeClock

RUN = RunView("run", "C1", Person("U1", "Dana"), "why?", RunState.RUNNING)
DONE = replace(RUN, state=RunState.DONE)
PLAN = Planned("decide", PriceEstimate(30, 120), (("p/1", "research"), ("p/2", "edit")))


class Slack:
    """Takes edits, and notes when each came."""

    def __init__(self, clock: FakeClock, *, fails: Exception | None = None) -> None:
        self.clock = clock
        self.fails = fails
        self.has_room = True
        self.shown: list[ProgressView] = []
        self.times: list[float] = []

    async def edit(self, view: ProgressView) -> bool:
        if not self.has_room and view.run.state is RunState.RUNNING:
            return False
        self.shown.append(view)
        self.times.append(self.clock.now_s)
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails
        return True


def finished(path: str, *, ok: bool = True, replayed: bool = False, cost_nusd: int = 7) -> StepFinished:
    return StepFinished(path, "researcher", "fast", ok, "" if ok else "timeout", None, cost_nusd, 2_500, replayed)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_burst_of_events_is_shown_at_most_once_a_second_and_ends_with_the_last_state() -> None:
    clock = FakeClock()
    slack, board = Slack(clock), ProgressBoard(clock)
    board.open(RUN, slack.edit)
    board.emit("run", PLAN)
    for number in range(200):
        board.emit("run", Noted("p/1", f"note {number}"))
        await asyncio.sleep(0)
    await board.close("run", DONE)
    gaps = [later - earlier for earlier, later in zip(slack.times, slack.times[1:], strict=False)]
    assert min(gaps) >= 1.0
    assert (slack.shown[-1].run.state, slack.shown[-1].notes[-1]) == (RunState.DONE, "note 199")


async def test_events_of_one_moment_cost_one_edit() -> None:
    clock = FakeClock()
    slack, board = Slack(clock), ProgressBoard(clock)
    board.open(RUN, slack.edit)
    for event in (Routed("decide", ("a",), 1, "", "router"), PLAN, StepStarted("p/1", "researcher"), finished("p/1")):
        board.emit("run", event)
    await settle()
    assert len(slack.shown) == 1
    await board.close("run", DONE)


async def test_each_event_changes_what_it_says() -> None:
    board = ProgressBoard(FakeClock())
    board.open(RUN, Slack(FakeClock()).edit)
    events = (
        Routed("decide", ("researcher",), 0.9, "", "router"),
        PLAN,
        StepStarted("p/1", "researcher"),
        StepRetried("p/1", "researcher", "rate_limit", "cheap"),
        finished("p/1"),
        finished("p/2", ok=False, cost_nusd=3),
        StepStarted("p/3/round-2", "editor"),
        Reviewed("p/3", 1, accepted=False, score=4, feedback="Too long."),
        TextDelta("p/3", "unseen"),
    )
    for event in events:
        board.emit("run", event)
    view = board.view("run")
    assert view is not None
    assert (view.run.flow, view.run.price, view.cost_nusd) == ("decide", PriceEstimate(30, 120), 10)
    assert [(s.label, s.state, s.note) for s in view.steps] == [
        ("research", StepState.DONE, ""),
        ("edit", StepState.FAILED, "its model did not respond in time"),
        ("editor", StepState.RUNNING, ""),
    ]
    assert view.notes == ("Round 1: not accepted, 4 of 10. Too long.",)
    await board.close("run", DONE)


async def test_a_restart_shows_what_was_finished_and_what_it_cost() -> None:
    clock = FakeClock()
    board = ProgressBoard(clock)
    record = StepRecord(path="p/1", input_hash="h", outcome="ok", agent="researcher", cost_nusd=9, elapsed_ms=2_000)
    choice = StepRecord(path="route", input_hash="h", outcome="decision")
    board.open(RUN, Slack(clock).edit, journal=[record, choice])
    board.emit("run", PLAN)
    board.emit("run", finished("p/1", replayed=True, cost_nusd=0))
    view = board.view("run")
    assert view is not None
    assert [(s.label, s.state, s.cost_nusd) for s in view.steps] == [
        ("research", StepState.REPLAYED, 9),
        ("edit", StepState.WAITING, 0),
    ]
    await board.close("run", DONE)


async def test_failing_edits_do_not_fail_the_run() -> None:
    for error in (SlackError("gone", code="message_not_found", method="chat.update"), ValueError("ours")):
        clock = FakeClock()
        slack, board = Slack(clock, fails=error), ProgressBoard(clock)
        board.open(RUN, slack.edit)
        board.emit("run", PLAN)
        await board.close("run", DONE)
        assert slack.shown[-1].run.state is RunState.DONE


async def test_a_closed_run_is_forgotten() -> None:
    clock = FakeClock()
    slack, board = Slack(clock), ProgressBoard(clock)
    board.open(RUN, slack.edit)
    await board.close("run", DONE)
    board.emit("run", PLAN)
    await board.close("run", DONE)
    assert (board.view("run"), len(slack.shown)) == (None, 1)


async def test_a_board_that_is_opened_anew_or_dropped_shows_nothing_more() -> None:
    clock = FakeClock()
    old, new, board = Slack(clock), Slack(clock), ProgressBoard(clock)
    old.has_room = False
    board.open(RUN, old.edit)
    await settle()
    board.open(RUN, new.edit)
    old.has_room = True
    await board.close("run", DONE)
    await settle()
    assert (old.shown, [view.run.state for view in new.shown][-1]) == ([], RunState.DONE)
    new.has_room = False
    board.open(RUN, new.edit)
    await settle()
    board.drop("run")
    new.has_room, shown = True, len(new.shown)
    await settle()
    assert (len(new.shown), board.view("run")) == (shown, None)


async def test_an_ending_that_the_database_kept_from_being_shown_is_not_shown() -> None:
    for fails, is_shown in ((StorageError(), False), (ValueError(), True), (None, True)):
        board = ProgressBoard(FakeClock())
        board.open(RUN, Slack(FakeClock(), fails=fails).edit)
        assert await board.close("run", DONE) is is_shown


async def test_without_room_steps_are_left_out_and_the_newest_state_follows_when_there_is() -> None:
    clock = FakeClock()
    slack, board = Slack(clock), ProgressBoard(clock)
    slack.has_room = False
    board.open(RUN, slack.edit)
    for number in range(3):
        board.emit("run", Noted("p/1", f"note {number}"))
        await settle()
    assert slack.shown == []
    slack.has_room = True
    await settle()
    assert [view.notes[-1] for view in slack.shown] == ["note 2"]
    slack.has_room = False
    board.emit("run", Noted("p/1", "note 3"))
    await board.close("run", DONE)
    assert (slack.shown[-1].run.state, len(slack.shown)) == (RunState.DONE, 2)


async def test_the_router_that_chose_stands_before_what_it_chose() -> None:
    slack, board = Slack(FakeClock()), ProgressBoard(FakeClock())
    board.open(RUN, slack.edit)
    for event in (StepStarted("route/router", "router"), PLAN, StepStarted("p/1", "researcher")):
        board.emit("run", event)
    view = board.view("run")
    assert view is not None
    assert [step.label for step in view.steps] == ["router", "research", "edit"]
    await board.close("run", DONE)


async def test_a_tool_that_is_used_stands_beside_its_agent_until_the_step_ends() -> None:
    board = ProgressBoard(FakeClock())
    board.open(RUN, Slack(FakeClock()).edit)
    for event in (PLAN, StepStarted("p/1", "researcher"), ToolCalled("p/1", "researcher", "tickets.search_issues", 2)):
        board.emit("run", event)
    view = board.view("run")
    assert view is not None
    assert (view.steps[0].agent, view.steps[0].note) == ("researcher", "searching tickets (2)")
    board.emit("run", finished("p/1"))
    view = board.view("run")
    assert view is not None
    assert view.steps[0].note == ""
    await board.close("run", DONE)


async def test_while_a_person_has_to_decide_the_step_says_so() -> None:
    clock = FakeClock()
    slack, board = Slack(clock), ProgressBoard(clock)
    board.open(RUN, slack.edit)
    board.emit("run", StepStarted("researcher", "researcher"))
    board.emit("run", ToolCalled("researcher", "researcher", "tickets.search", 2, acts=False))
    board.emit("run", finished("editor"))
    await board.close("run", replace(RUN, state=RunState.WAITING))
    assert [(step.state, step.note) for step in slack.shown[-1].steps] == [
        (StepState.RUNNING, "waits for a decision"),
        (StepState.DONE, ""),
    ]


async def test_turns_and_calls_inside_of_a_step_are_no_steps_after_a_restart() -> None:
    inside = ("a", "a/turn/1", "a/turn/1/call/1")
    journal = [StepRecord(path=path, input_hash="", outcome="ok", agent="researcher") for path in inside]
    board = ProgressBoard(FakeClock())
    board.open(RUN, Slack(FakeClock()).edit, journal=journal)
    view = board.view("run")
    assert view is not None
    assert [step.path for step in view.steps] == ["a"]
    await board.close("run", DONE)

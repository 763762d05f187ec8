"""Run events folded into a view: one message per run, edited at most once a second, never blocking the run."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from bot.messages.decision_text import round_words
from bot.messages.run_text import AWAITS_DECISION, doing
from bot.messages.views import ProgressView, RunState, RunView, StepState, StepView
from bot.runs.engine import paid_steps
from bot.slack.errors import SlackError
from patterns.core.errors import StorageError
from patterns.core.events import (
    Noted,
    Planned,
    Reviewed,
    Routed,
    RunEvent,
    StepFinished,
    StepRetried,
    StepStarted,
    TextDelta,
    TextWithdrawn,
    ToolCalled,
)
from patterns.core.ports import Clock
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.roster.consistency import ROUTER

log = structlog.get_logger(__name__)

EDIT_INTERVAL_S = 1.0

Edit = Callable[[ProgressView], Awaitable[bool]]
"""Renders a state and edits the run's progress message. False: the rate limit has no room for it now."""


@dataclass(slots=True)
class _Board:
    run: RunView
    edit: Edit
    opened_s: float
    steps: dict[str, StepView] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    closed: bool = False
    is_editing: bool = False
    is_frozen: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    follower: asyncio.Task[bool] | None = None
    round: Reviewed | None = None
    telling: list[asyncio.Task[Any]] = field(default_factory=list)


class ProgressBoard:
    """The `EventSink` of runs shown in Slack. Events of runs that are not open here are ignored.

    Text of an answer goes to `on_text`, a reviewed round to `on_round` once the work continues behind it, so that it
    does not repeat a card or the answer.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        interval_s: float = EDIT_INTERVAL_S,
        on_text: Callable[[str, TextDelta | TextWithdrawn], None] | None = None,
        on_round: Callable[[str, Reviewed], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._on_text = on_text
        self._on_round = on_round
        self._boards: dict[str, _Board] = {}

    def open(self, run: RunView, edit: Edit, *, journal: Sequence[StepRecord] = ()) -> None:
        """Start showing a run. `journal` holds the steps it finished before a restart."""
        board = _Board(run, edit, self._clock.monotonic())
        for record in paid_steps(journal):
            state = StepState.REPLAYED if record.outcome == "ok" else StepState.FAILED
            board.steps[record.path] = StepView(
                record.path,
                step_label(record.path, record.agent),
                state,
                record.agent,
                record.elapsed_ms / 1000,
                record.cost_nusd,
            )
        self.drop(run.run_id)
        self._boards[run.run_id] = board
        board.follower = asyncio.create_task(self._follow(board), name=f"progress {run.run_id}")
        board.changed.set()

    def emit(self, run_id: str, event: RunEvent) -> None:
        """Fold one event; the edit follows in the background."""
        if isinstance(event, TextDelta | TextWithdrawn):
            if self._on_text is not None:
                self._on_text(run_id, event)
            return
        board = self._boards.get(run_id)
        if board is None:
            return
        _fold(board, event)
        board.changed.set()
        if isinstance(event, Reviewed):
            board.round = event
        elif isinstance(event, StepStarted) and board.round is not None and self._on_round is not None:
            self.beside(run_id, self._on_round(run_id, board.round))
            board.round = None

    def view(self, run_id: str) -> ProgressView | None:
        """Return what is shown of an open run now."""
        board = self._boards.get(run_id)
        return self._view(board) if board else None

    def drop(self, run_id: str) -> None:
        """Stop showing a run that continues elsewhere: our state of it is outdated."""
        board = self._boards.pop(run_id, None)
        if board is not None and board.follower is not None:
            board.follower.cancel()

    def beside(self, run_id: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run another Slack call for an open run without blocking it; closing waits for its end."""
        self._boards[run_id].telling.append(asyncio.create_task(work, name=f"beside {run_id}"))

    async def close(self, run_id: str, run: RunView) -> bool:
        """Show the final state, then forget the run. Waits at most one interval and the edit itself.

        Returns False when Slack was unreachable.
        """
        board = self._boards.pop(run_id, None)
        if board is None or board.follower is None:
            return True
        # A run that waits before it began has a plan, which its row does not know yet.
        known = board.run
        board.run = replace(
            run, flow=run.flow or known.flow, agents=run.agents or known.agents, price=run.price or known.price
        )
        if run.state is RunState.WAITING:
            for path, step in board.steps.items():
                if step.state is StepState.RUNNING:
                    board.steps[path] = replace(step, note=AWAITS_DECISION)
        board.closed = True
        board.changed.set()
        is_shown = await board.follower
        await asyncio.gather(*board.telling)
        return is_shown

    async def freeze(self, run_id: str) -> None:
        """Edit no more; return when the edit on its way, and what is posted beside it, have arrived."""
        board = self._boards.pop(run_id, None)
        if board is None or board.follower is None:
            return
        board.closed = True
        if board.is_editing:
            # An edit that is cut off may still arrive, and must not arrive after the answer.
            board.is_frozen = True
            await board.follower
        else:
            board.follower.cancel()
        await asyncio.gather(*board.telling)

    def _view(self, board: _Board) -> ProgressView:
        return ProgressView(
            run=board.run,
            steps=tuple(board.steps.values()),
            notes=tuple(board.notes),
            elapsed_s=self._clock.monotonic() - board.opened_s,
            cost_nusd=sum(step.cost_nusd for step in board.steps.values()),
        )

    async def _follow(self, board: _Board) -> bool:
        """Edit after every change, always with the newest state, until the final one is shown."""
        next_s = self._clock.monotonic()
        while True:
            await board.changed.wait()
            if (early_s := next_s - self._clock.monotonic()) > 0:
                await self._clock.sleep(early_s)
            board.changed.clear()
            last = board.closed
            next_s = self._clock.monotonic() + self._interval_s
            is_reached = board.is_editing = True
            try:
                if not await board.edit(self._view(board)):
                    board.changed.set()  # tried again after an interval, with the newest state
            except SlackError as error:
                is_reached = error.kind != "unreachable"
                board.is_frozen = board.is_frozen or error.kind == "gone"
                log.warning("progress_not_shown", run=board.run.run_id, kind=error.kind, code=error.code)
            except StorageError as error:
                is_reached = False
                log.warning("progress_not_shown", run=board.run.run_id, reason=str(error))
            except Exception:
                # A view is never worth failing a run; the next edit shows the same and more.
                log.exception("progress_failed", run=board.run.run_id)
            finally:
                board.is_editing = False
            if last or board.is_frozen:
                return is_reached


def _fold(board: _Board, event: RunEvent) -> None:
    match event:
        case Routed():
            # A Router inside the flow chooses an agent, not another flow.
            board.run = replace(board.run, flow=board.run.flow or event.flow, agents=event.agents)
        case Planned():
            board.run = replace(board.run, price=event.price)
            planned = {path: StepView(path, label) for path, label in event.paths}
            known = {p: replace(s, label=planned[p].label) if p in planned else s for p, s in board.steps.items()}
            before = {p: s for p, s in known.items() if p not in planned and s.agent == ROUTER}
            board.steps = {**before, **planned, **known}
        case StepStarted():
            _change(board, event.path, event.agent, state=StepState.RUNNING)
        case StepRetried():
            note = f"{Reason(event.reason).clause(since=event.since)}, trying {event.next_model}"
            _change(board, event.path, event.agent, note=note)
        case StepFinished():
            _finish(board, event)
        case Reviewed():
            board.notes.append(round_words(event))
        case Noted():
            board.notes.append(event.text)
        case ToolCalled():
            _change(board, event.path, event.agent, note=doing(event))
        case TextDelta():
            return


def _finish(board: _Board, event: StepFinished) -> None:
    if event.replayed:
        known = board.steps.get(event.path)
        paid_nusd = known.cost_nusd if known else 0
        state = StepState.REPLAYED if event.ok else StepState.FAILED
        _change(board, event.path, event.agent, state=state, cost_nusd=paid_nusd)
        return
    note = "" if event.ok else Reason(event.reason).clause()
    _change(
        board,
        event.path,
        event.agent,
        state=StepState.DONE if event.ok else StepState.FAILED,
        elapsed_s=event.elapsed_ms / 1000,
        cost_nusd=event.cost_nusd,
        note=f"{note}, price uncertain".lstrip(", ") if event.uncertain else note,
    )


def _change(board: _Board, path: str, agent: str, **changes: object) -> None:
    """Replace fields of a step; an unplanned one (a further round) is inserted where it happened."""
    step = board.steps.get(path) or StepView(path, step_label(path, agent))
    board.steps[path] = replace(step, agent=agent or step.agent, **changes)  # type: ignore[arg-type]


def step_label(path: str, agent: str) -> str:
    """Return a step's name as people read it: its agent, else the end of its path."""
    return agent or path.rsplit("/", 1)[-1]

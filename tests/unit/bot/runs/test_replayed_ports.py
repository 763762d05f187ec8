"""The ports of a replay answer as the run's journal says, and end where the run ended."""

from typing import Any

import pytest

from bot.runs.replayed_ports import CutShortError, ReplayPorts
from patterns.core.errors import CancelledRunError, ParkedError
from patterns.core.holds import Fence
from patterns.core.questions import Question
from storage.run_rows import RunRow
from storage.run_story import RunStory

QUESTION = Question(kind="approve", title="The announcement", draft="It opens on Monday.")


def ended(**facts: Any) -> RunStory:
    """Return a run that ended before it asked anybody."""
    usual = {
        "id": "r1", "workspace": "T1", "channel": "C1", "channel_kind": "channel", "thread_ts": "", "root_ts": "",
        "user": "U1", "kind": "slack", "flow": "draft", "options": {}, "status": "done", "stop_reason": "completed",
        "epoch": 1, "roster_hash": "h", "executed_ms": 4000, "worst_nusd": 1, "cost_nusd": 0, "created_us": 0,
        "finished_us": 9, "cancel_requested_by": None,
    }  # fmt: skip
    return RunStory(RunRow(**{**usual, **facts}), "?", None, (), (), (), ())


@pytest.mark.parametrize(("reason", "error"), [("cancelled", CancelledRunError), ("failed", CutShortError)])
async def test_a_run_that_ended_before_it_could_ask_ends_there_again(reason: str, error: type[Exception]) -> None:
    ports = ReplayPorts(ended(stop_reason=reason), hidden=frozenset())
    with pytest.raises(error):
        await ports.ask(Fence("r1", 1), "supervisor/1/human", QUESTION)
    assert ports.differences == []


async def test_a_question_that_a_finished_run_never_asked_is_a_difference() -> None:
    ports = ReplayPorts(ended(), hidden=frozenset())
    with pytest.raises(ParkedError):
        await ports.ask(Fence("r1", 1), "supervisor/1/human", QUESTION)
    assert [(one.where, one.what) for one in ports.differences] == [
        ("supervisor/1/human", "people are asked now and were not then")
    ]

"""A shop's real requests through the whole loop, in peace and under kill -9: state as expected, every write once."""

from pathlib import Path

import pytest

from tests.crash.tool_storm import ToolReport, ToolStorm
from tests.support import retail

EVERY = 10
"""One in so many tasks; `python -m tests.crash.tools` does all of them."""
KILLS = 5


@pytest.mark.timeout(400)
async def test_the_calls_of_a_shop_come_to_what_they_should(database_url: str, tmp_path: Path) -> None:
    tasks = retail.tasks()[::EVERY]
    report = await ToolStorm(database_url, tmp_path, tasks).rage()
    check(report)
    assert report.calls == sum(len(task.calls) for task in tasks)
    assert (report.recorded_nusd, report.uncertain_nusd) == (report.owed_nusd, 0)


@pytest.mark.timeout(400)
async def test_a_clerk_killed_again_and_again_does_every_write_once(database_url: str, tmp_path: Path) -> None:
    report = await ToolStorm(
        database_url, tmp_path, retail.tasks()[3:9], chance=0.4, kills=KILLS, acts_only=True
    ).rage()
    check(report)
    assert report.kills >= KILLS
    assert report.answers.total() > 0


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("at", "answers"),
    [
        ("before the hold", {}),
        ("between hold and send", {"again": 1}),
        ("between answer and settlement", {"done": 1}),
        ("after the settlement", {}),
    ],
)
async def test_a_kill_between_any_two_steps_of_a_call_that_acts_leaves_it_done_once(
    database_url: str, tmp_path: Path, at: str, answers: dict[str, int]
) -> None:
    """SIGKILL at that very moment; who is asked looks into the shop, and where nothing is in doubt nobody is."""
    report = await ToolStorm(database_url, tmp_path, [acting()], at=at).rage()
    check(report)
    assert dict(report.deaths) == {at: 1}
    assert dict(report.answers) == answers
    assert report.uncertain_nusd == (retail.WRITE_NUSD if answers else 0)


@pytest.mark.timeout(400)
async def test_a_kill_while_a_call_that_acts_is_under_way_leaves_it_done_once(
    database_url: str, tmp_path: Path
) -> None:
    report = await ToolStorm(database_url, tmp_path, [acting()], at="while it was sent").rage()
    check(report)
    assert report.kills <= 1
    assert report.answers.total() <= 1


def acting() -> retail.Task:
    """The shortest task that acts."""
    return min((one for one in retail.tasks() if {name for name, _ in one.calls} & retail.WRITES), key=_length)


def _length(task: retail.Task) -> int:
    return len(task.calls)


def check(report: ToolReport) -> None:
    print(f"\n{report}")
    assert report.wrongs == {}
    assert report.writes > 0

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


def check(report: ToolReport) -> None:
    print(f"\n{report}")
    assert report.wrongs == {}
    assert report.writes > 0

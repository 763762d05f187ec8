"""Every accepted request ends in one answer and no step is paid twice, however often the bot dies."""

from dataclasses import asdict
from pathlib import Path

import pytest

from tests.crash.accounts import Report
from tests.crash.run_storm import Storm

KILLS, CROWD = 4, 6


@pytest.mark.timeout(400)
async def test_a_bot_killed_again_and_again_answers_everybody_once(sqlite_url: str, tmp_path: Path) -> None:
    check(await Storm(sqlite_url, tmp_path, seed=7, crowd=CROWD).rage(KILLS))


@pytest.mark.timeout(400)
async def test_web_processes_and_workers_killed_in_turn_answer_everybody_once(
    postgresql_url: str, tmp_path: Path
) -> None:
    check(await Storm(postgresql_url, tmp_path, seed=7, webs=2, workers=3, crowd=CROWD).rage(KILLS))


def check(report: Report) -> None:
    print(f"\n{asdict(report)}")
    assert report.wrongs == {}
    assert report.kills >= KILLS
    assert report.accepted > 0

"""No sample over the limit and no bill unrecorded, however often processes die. `KILLS=1000` makes the storm long."""

import os
from pathlib import Path

import pytest

from patterns.core.money import format_usd
from tests.crash.ledger_storm import storm

KILLS = int(os.environ.get("KILLS", "8"))


@pytest.mark.timeout(120 + KILLS * 10)
async def test_a_storm_of_kills_loses_no_money(database_url: str, tmp_path: Path) -> None:
    report = await storm(database_url, tmp_path, kills=KILLS, watch=lambda line: print(line, flush=True))
    print(
        f"\n{database_url.partition(':')[0]}: {report.kills} kills, {report.calls} calls, {report.refused} refused;"
        f" limit {format_usd(report.limit_nusd)}, billed {format_usd(report.billed_nusd)}, settled"
        f" {format_usd(report.settled_nusd)} of it uncertain {format_usd(report.uncertain_nusd)};"
        f" {report.over_limit} of {report.samples} samples over the limit,"
        f" {format_usd(report.unrecorded_nusd)} unrecorded"
    )
    assert (report.over_limit, report.unrecorded_nusd, report.understated) == (0, 0, [])
    assert report.sums_ok
    assert report.billed_nusd <= report.settled_nusd <= report.limit_nusd
    assert report.kills == KILLS

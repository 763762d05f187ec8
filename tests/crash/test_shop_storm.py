"""A bot killed while its clerk acts does every act once; in a file of its own, to run beside the other storms."""

from pathlib import Path

import pytest

from tests.crash.shop_storm import ShopReport, ShopStorm
from tests.crash.test_run_storm import CROWD, KILLS, check


@pytest.mark.timeout(600)
async def test_a_bot_killed_while_its_clerk_acts_does_every_act_once(sqlite_url: str, tmp_path: Path) -> None:
    report = await ShopStorm(sqlite_url, tmp_path, seed=3, crowd=CROWD // 2).rage(KILLS)
    check(report)
    assert isinstance(report, ShopReport)
    assert report.errands > 0

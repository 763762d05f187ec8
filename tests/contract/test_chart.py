from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image

from bot.budgets.chart import alt_text, draw
from bot.messages.month_report import build_report
from storage.ledger.months import Month, SpendRow

USD = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


SPENT = SpendRow("decide", "chair", "small", "U1", 3, 10 * USD, 0, 100, 10)
MONTH = Month("2026-11", None, 0, 10 * USD, USD, (SPENT,), ((at("2026-11-03"), 10 * USD),), (), (), (), ())


@pytest.mark.parametrize(
    "month",
    [
        MONTH,
        Month("2026-11", None, 0, 0, 0, (), (), (), (), (), ()),
        replace(MONTH, spent=tuple(replace(SPENT, flow="$x^2$ _{\u4e2d} " * n) for n in range(9))),
    ],
)
def test_the_picture_is_one_that_slack_shows(month: Month) -> None:
    drawn = build_report(
        month, name="#platform", channel="C1", limit_nusd=25 * USD, zone="UTC", now_us=at("2026-11-16")
    )
    with Image.open(BytesIO(draw(drawn))) as picture:
        assert (picture.format, picture.size) == ("PNG", (1152, 864))
    assert len(alt_text(drawn)) <= 1000
    assert "#platform in November 2026" in alt_text(drawn)

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bot.budgets.csv_export import exact_usd, month_csv
from bot.budgets.price_age import price_note
from bot.messages.month_report import Report, build_report, previous_period
from patterns.core.money import Price
from patterns.roster.roster import ModelSpec
from storage.ledger.months import Month, SpendRow

USD = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


SPENT = SpendRow("decide", "chair", "small", "U1", 3, 10 * USD, 0, 100, 10)
MONTH = Month("2026-11", None, 0, 10 * USD, USD, (SPENT,), ((at("2026-11-03"), 10 * USD),), (), (), (), ())


def report(now: str, *, limit_nusd: int = 25 * USD, month: Month = MONTH) -> Report:
    return build_report(month, name="#platform", channel="C1", limit_nusd=limit_nusd, zone="UTC", now_us=at(now))


def test_the_pace_so_far_is_the_pace_to_come() -> None:
    half_way = report("2026-11-16")
    assert (half_way.forecast_nusd, half_way.runs_out, half_way.days_left) == (20 * USD, None, 15)


def test_a_pace_past_the_limit_says_when_it_is_reached() -> None:
    half_way = report("2026-11-16", limit_nusd=15 * USD)
    assert half_way.runs_out == date(2026, 11, 23)


@pytest.mark.parametrize("now", ["2026-11-02", "2026-12-05"])
def test_too_early_and_too_late_there_is_no_forecast(now: str) -> None:
    assert report(now).forecast_nusd is None


def test_a_limit_of_nothing_is_no_division_by_it() -> None:
    spent = report("2026-11-16", limit_nusd=0)
    assert (spent.share_pct, spent.free_nusd, spent.runs_out) == (100, 0, None)


def test_tools_stand_beside_models_and_count_as_no_call_of_one() -> None:
    tool = replace(SPENT, model="tool:desk.act", calls=5, nusd=USD)
    month = report("2026-11-16", month=replace(MONTH, spent=(SPENT, tool)))
    assert [(part.name, part.calls) for part in month.models] == [("small", 3), ("desk.act (tool)", 5)]
    assert (month.calls, month.agents[0].calls, month.agents[0].nusd) == (3, 3, 11 * USD)


def test_the_month_before_january_is_december() -> None:
    assert [previous_period(period) for period in ("2026-01", "2026-12")] == ["2025-12", "2026-11"]


def test_a_spreadsheet_does_not_run_what_people_wrote() -> None:
    evil = replace(SPENT, flow="=HYPERLINK(1)", nusd=1, uncertain_nusd=0)
    assert month_csv([evil], "2026-11").splitlines() == [
        "period,flow,agent,model,tool,calls,input_tokens,output_tokens,cost_usd,uncertain_usd",
        "2026-11,'=HYPERLINK(1),chair,small,,3,100,10,0.000000001,0.000000000",
    ]
    assert exact_usd(1_234_567_890) == "1.234567890"


class Priced:
    """A client that knows one price."""

    def __init__(self, source: str) -> None:
        self.source = source

    def price(self, model: str) -> Price:
        assert model == "small"
        return Price(1, 1, source=self.source)


@pytest.mark.parametrize(
    ("source", "now", "said"),
    [
        ("roster", "2026-11-01", "Prices: roster"),
        ("litellm 1.106.2 price map", "2026-11-01", "Prices: litellm 1.106.2 price map of 2026-10-21"),
        (
            "litellm 1.106.2 price map",
            "2027-02-01",
            "Prices: litellm 1.106.2 price map of 2026-10-21. ⚠️ They are 103 days old: update Agents for Slack.",
        ),
    ],
)
def test_prices_say_where_they_come_from_and_warn_when_they_are_old(source: str, now: str, said: str) -> None:
    models = {"small": ModelSpec("small", "openai/gpt-5-mini")}
    assert price_note(models, Priced(source), now_us=at(now)) == said  # type: ignore[arg-type]

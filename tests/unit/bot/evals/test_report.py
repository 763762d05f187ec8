"""What many answers say together, as a table, as JSON and as JUnit."""

import json
from xml.etree import ElementTree as ET

import pytest

from bot.evals.check import Verdict
from bot.evals.report import Result, as_junit, summarize, table, write_json
from bot.evals.summary import mean, quantile, share
from patterns.core.money import CENT_NUSD

GOOD, BAD = Verdict("Contains", passed=True), Verdict("Contains", passed=False, reason='"no" does not contain "May"')
RESULTS = (
    Result("ours", "launch", 1, "r1", "May.", 2 * CENT_NUSD, 1.0, (GOOD,)),
    Result("ours", "launch", 2, "r2", "no", 4 * CENT_NUSD, 3.0, (BAD, Verdict("TrajectoryMatch", False, "", 0.5))),
    Result("cheap", "launch", 1, "", "", 0, 0.0, (), "the budget does not cover it"),
)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (83, 100, 0.7445, 0.8911), (0, 0, 0.0, 1.0)],
)
def test_a_share_has_wilson_s_interval(hits: int, of: int, low: float, high: float) -> None:
    found = share(hits, of)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_mean_lies_in_its_interval_which_is_the_same_every_time() -> None:
    values = [1.0, 2.0, 3.0, 10.0]
    found = mean(values)
    assert found.value == 4.0
    assert 1.0 <= found.low < 4.0 < found.high <= 10.0
    assert mean(values) == found
    assert (mean([]).value, mean([7.0]).low, mean([7.0]).high) == (0.0, 7.0, 7.0)


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 21)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile([], 0.5)) == (10.0, 19.0, 0.0)


def test_variants_stand_side_by_side() -> None:
    ours, cheap = summarize(RESULTS)
    assert (ours.variant, ours.passed, ours.of, ours.cost_nusd.value) == ("ours", 1, 2, 3.0 * CENT_NUSD)
    assert ours.scores == {"TrajectoryMatch": 0.5}
    assert (cheap.passed, cheap.of) == (0, 1)
    shown = table(RESULTS)
    assert "1 of 2 (50%)" in shown
    assert "✗ ours · launch · 2 (r2)" in shown
    assert '"no" does not contain "May"' in shown
    assert "✗ cheap · launch (not run)" in shown


def test_json_has_everything() -> None:
    told = json.loads(write_json("set", RESULTS))
    assert [one["variant"] for one in told["variants"]] == ["ours", "cheap"]
    assert [one["passed"] for one in told["results"]] == [True, False, False]
    assert told["results"][0]["cost_usd"] == 0.02


def test_junit_tells_failures_from_what_was_not_run_whatever_the_texts_are() -> None:
    hostile = Result("a\x00b", "<case>", 1, "r", "\x1b[31m", 0, 0.0, (Verdict("Equals", False, "]]>\ud800\x0b"),))
    root = ET.fromstring(as_junit("set", (*RESULTS, hostile)))  # noqa: S314 - written here
    counts = {suite.get("name"): (suite.get("failures"), suite.get("errors")) for suite in root}
    assert counts == {"ours": ("1", "0"), "cheap": ("0", "1"), "a\ufffdb": ("1", "0")}

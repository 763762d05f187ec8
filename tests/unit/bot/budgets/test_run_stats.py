"""Statistics of a month are sums, means and percentiles of what was stored, and advice needs enough of it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.budgets.csv_export import stats_csv
from bot.budgets.run_stats import ending_of, pattern_of, rounds_of, run_stats
from bot.messages.stats_advice import advice
from bot.messages.stats_columns import NARROW, WIDE, wide
from bot.messages.stats_text import fitting, lines, meanings
from bot.messages.stats_views import RunStats, Spread, StatsRow, percentile
from patterns.core.money import Usage
from patterns.core.questions import Decision, Question
from patterns.core.step_record import StepRecord
from storage.run_rows import RunRow
from storage.run_story import RunStory, StoryCall, StoryQuestion, StoryStep

CENT = 10_000_000
S = 1_000_000
RUN = RunRow(
    id="r1", workspace="T1", channel="C1", channel_kind="channel", thread_ts="", root_ts="", user="U1", kind="slack",
    flow="answer", options={}, status="done", stop_reason="completed", epoch=1, roster_hash="h", executed_ms=4000,
    worst_nusd=10 * CENT, cost_nusd=0, created_us=0, finished_us=9 * S, cancel_requested_by=None,
)  # fmt: skip


def step(path: str, *, cents: int = 1, agent: str = "", model: str = "fast", outcome: Any = "ok") -> StoryStep:
    """Return a step of one attempt that held three times what it cost."""
    agent = agent or path.rpartition("/")[2]
    call = StoryCall(
        path, path, 1, "answer", agent, model, "1/1", 3 * cents * CENT, "settled", cents * CENT, 0, Usage(10, 5), "", 1,
        0, 2 * S,
    )  # fmt: skip
    record = StepRecord(path=path, input_hash="h", outcome=outcome, agent=agent, model=model, elapsed_ms=2000)
    return StoryStep(path, (call,), record, path, 2 * S)


def told(expected: int, worst: int) -> StoryStep:
    """Return the journalled price of a run, in cents."""
    data = {"expected_nusd": expected * CENT, "typical_nusd": expected * CENT, "worst_nusd": worst * CENT}
    return StoryStep("price", (), StepRecord(path="price", input_hash="", outcome="decision", data=data))


def had(**models: str) -> StoryStep:
    """Return what a run keeps of its models: the names that their providers give them."""
    data = {"epoch": 1, "models": {name: {"id": model, "price": "1/1"} for name, model in models.items()}}
    return StoryStep("setup", (), StepRecord(path="setup", input_hash="", outcome="decision", data=data))


def run(*steps: StoryStep, decisions: tuple[StoryStep, ...] = (), **facts: Any) -> RunStory:
    """Return a run that is over."""
    rated = {name: facts.pop(name) for name in ("helped", "did_not", "questions") if name in facts}
    usual = RunStory(replace(RUN, **facts), "?", None, steps, decisions, (), ())
    return replace(usual, **rated)


def stats(*stories: RunStory) -> RunStats:
    return run_stats(stories, period="2026-11")


def the(found: RunStats, kind: Any, name: str) -> StatsRow:
    """Return the one row of that name."""
    (row,) = [row for row in found.of(kind) if row.name == name]
    return row


def test_percentiles_are_values_of_the_sample() -> None:
    assert [percentile([1, 2, 3, 4], at) for at in (1, 50, 75, 95, 100)] == [1, 2, 3, 4, 4]


def test_a_spread_tells_mean_and_deviation() -> None:
    spread = Spread.of([2, 4, 4, 4, 5, 5, 7, 9])
    assert (spread.count, spread.total, spread.mean, spread.deviation, spread.variance) == (8, 40, 5, 2, 4)
    assert spread.relative == 0.4
    assert Spread.of([]) == Spread()


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (("route/router", "broadcast/a", "broadcast/synthesis/chair"), "broadcast"),
        (("pipeline/1/a", "pipeline/2/supervisor/1/b"), "pipeline"),
        (("writer",), "one agent"),
        (("route/router",), "not begun"),
        ((), "not begun"),
    ],
)
def test_the_pattern_of_a_run_is_its_outermost(paths: tuple[str, ...], pattern: str) -> None:
    assert pattern_of(run(*(step(path) for path in paths))) == pattern


@pytest.mark.parametrize(
    ("reason", "begun", "counts_as"),
    [
        ("completed", True, "answered"), ("partial", True, "partial"), ("timeout", True, "partial"),
        ("cancelled", True, "stopped"), ("cancelled", False, "stopped"), ("budget", False, "refused"),
        ("budget", True, "partial"), ("failed", True, "failed"),
    ],
)  # fmt: skip
def test_each_ending_counts_once(reason: str, begun: bool, counts_as: str) -> None:  # noqa: FBT001 - a parameter
    assert ending_of(run(*([step("a")] if begun else [step("route/router")]), stop_reason=reason)) == counts_as


def test_a_flow_has_its_runs_costs_times_and_ratings() -> None:
    asked = StoryQuestion("a", Question(kind="approve", title="x"), Decision(verdict="approve"), 0, 60 * S)
    found = stats(
        run(step("a", cents=1), id="r1", executed_ms=1000, helped=2, decisions=(told(2, 10),)),
        run(step("a", cents=3), id="r2", executed_ms=3000, did_not=1, questions=(asked,), decisions=(told(2, 10),)),
    )
    row = the(found, "flow", "answer")
    assert (row.runs, row.answered, row.cost.mean, row.cost.total) == (2, 2, 2 * CENT, 4 * CENT)
    assert (row.time.p50, row.time.p95, row.time.variance) == (1, 3, 1)
    assert (row.waited.count, row.waited.p50) == (1, 60)
    assert (row.helped, row.did_not) == (2, 1)
    assert (row.estimate_ratio, row.bound_ratio) == (1, 5)


def test_agents_and_models_are_counted_by_step_under_the_name_people_know() -> None:
    found = stats(
        run(
            step("route/router"), step("broadcast/a", cents=2), step("broadcast/b", cents=4, outcome="failed"),
            decisions=(had(fast="openai/gpt-5-mini"),),
        )
    )  # fmt: skip
    assert [(row.name, row.runs, row.answered, row.failed) for row in found.of("agent")] == [
        ("b", 1, 0, 1), ("a", 1, 1, 0), ("router", 1, 1, 0),
    ]  # fmt: skip
    (model,) = found.of("model")
    assert (model.name, model.cost.count, model.cost.total) == ("openai/gpt-5-mini", 3, 7 * CENT)
    assert (model.held_ratio, model.estimate_ratio, model.bound_ratio) == (3, 0, 0)


def test_shares_of_routing_and_review_and_the_rounds() -> None:
    story = run(
        step("route/router", cents=1), step("supervisor/1/w", cents=3), step("supervisor/1/review/c", cents=2),
        step("supervisor/2/w", cents=3), step("supervisor/2/review/c", cents=1),
    )  # fmt: skip
    row = the(stats(story), "flow", "answer")
    assert (row.routing_share, row.review_share, row.rounds) == (0.1, 0.3, 2)
    assert rounds_of(story) == 2


def test_turns_and_calls_of_tools_belong_to_their_step() -> None:
    tool = step("a/turn/1/call/1", agent="a", model="tool:search", cents=1)
    found = stats(run(step("a/turn/1", agent="a", cents=2), tool, step("a", cents=3)))
    assert the(found, "flow", "answer").tool_calls == 1
    agent = the(found, "agent", "a")
    assert (agent.cost.count, agent.cost.total, agent.answered, agent.tool_calls) == (1, 6 * CENT, 1, 1)


def test_tools_have_rows_of_their_own_by_call() -> None:
    found = step("a/turn/1/call/1", agent="a", model="tool:desk.find", cents=1)
    refused = step("a/turn/1/call/2", agent="a", model="tool:desk.act", cents=2)
    assert refused.record is not None
    record = refused.record.model_copy(update={"data": {"is_error": True}})
    rows = stats(run(step("a/turn/1", agent="a"), found, replace(refused, record=record), step("a"))).of("tool")
    assert [(row.name, row.answered, row.failed, row.cost.total) for row in rows] == [
        ("desk.act", 0, 1, 2 * CENT), ("desk.find", 1, 0, CENT),
    ]  # fmt: skip


def flow(name: str, cost: float, *, helped: int = 0, did_not: int = 0, **facts: Any) -> StatsRow:
    """Return a flow that was answered ten times at the same cost, in cents."""
    usual = StatsRow(
        "flow", name, 10, 10, 0, 0, 0, 0, Spread.of([cost * CENT] * 10), Spread.of([1.0] * 10), Spread(), 0.0, 0,
        helped, did_not, 1.0, 2.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
    return replace(usual, **facts)


def said(*rows: StatsRow) -> tuple[str, ...]:
    return advice(RunStats("2026-11", rows, 10))


def test_a_dear_flow_without_better_feedback_is_named() -> None:
    (sentence,) = said(flow("answer", 1, helped=8, did_not=2), flow("decide", 6, helped=9, did_not=1))
    figures = "90 % of 10 and 80 % of 10 people say it helped"
    assert sentence == f"`decide` costs 6 times as much as `answer` and gets the same feedback: {figures}."


@pytest.mark.parametrize(("helped", "words"), [(10, "better"), (2, "worse")])
def test_better_and_worse_feedback_are_told_apart(helped: int, words: str) -> None:
    (sentence,) = said(flow("answer", 1, helped=6, did_not=4), flow("decide", 6, helped=helped, did_not=10 - helped))
    assert f"gets {words} feedback" in sentence


def test_few_ratings_suggest_nothing() -> None:
    assert said(flow("answer", 1, helped=4), flow("decide", 6, helped=4)) == ()


def test_few_runs_are_said_to_be_few() -> None:
    (sentence,) = said(flow("answer", 1, answered=4))
    assert sentence == "No flow was answered often enough in this month for a suggestion (5 times each)."


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"review_share": 0.55}, "55% of what `answer` costs is review."),
        ({"routing_share": 0.5}, "50% of what `answer` costs is choosing the flow; `use answer:` spares it."),
        ({"estimate_ratio": 0.25}, "`answer` costs 4 times what its estimates say."),
        (
            {"cost": Spread.of([CENT] * 18 + [20 * CENT] * 2)},
            "The cost of `answer` varies a lot: half of its runs cost at most $0.01, 19 of 20 at most $0.20.",
        ),
    ],
)
def test_what_stands_out_is_said(facts: dict[str, Any], words: str) -> None:
    assert said(replace(flow("answer", 1), **facts)) == (words,)


def test_a_failing_model_is_named() -> None:
    model = flow("openai/slow", 1, kind="model", answered=6, failed=4)
    assert said(flow("answer", 1), model) == ("40% of the steps of openai/slow failed.",)


def test_csv_has_every_row_with_exact_dollars() -> None:
    head, first, *_ = stats_csv(stats(run(step("a", cents=3), helped=1))).splitlines()
    told = dict(zip(head.split(","), first.split(","), strict=True))
    assert (told["period"], told["kind"], told["name"], told["requests"]) == ("2026-11", "pattern", "one agent", "1")
    assert (told["cost_mean_usd"], told["helped"], told["routing_share"]) == ("0.030000000", "1", "0.0000")
    unmeasured = ("cost_spread_over_mean", "seconds_variance", "rounds", "held_over_paid")
    assert [told[name] for name in unmeasured] == [""] * 4


def test_tables_are_aligned() -> None:
    found = lines([flow("answer", 1, helped=8), flow("a-long-name", 60)], NARROW)
    assert found == [
        "              n  ok   paid    p95  spread    s  p95  👍  👎",
        "answer       10  10  $0.01  $0.01    0.00  1.0  1.0   8   0",
        "a-long-name  10  10  $0.60  $0.60    0.00  1.0  1.0   0   0",
    ]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_narrow_terminal_gets_the_columns_that_say_most_and_a_wide_one_more(width: int) -> None:
    rows = [flow("answer", 1, helped=8), flow("a-long-name", 60)]
    columns = fitting(rows, "flow", width=width, name_max=20)
    assert max(map(len, lines(rows, columns))) <= width
    assert {"requests", "answered", "paid mean", "s p50"} <= {column.title for column in columns}
    assert len(fitting(rows, "flow", width=width - 20, name_max=20)) < len(columns) < len(wide("flow"))


def test_without_a_width_every_column_is_shown_and_a_width_of_nothing_keeps_the_last_ones() -> None:
    rows = [flow("answer", 1)]
    assert fitting(rows, "flow", width=None, name_max=20) == wide("flow")
    kept = fitting(rows, "flow", width=1, name_max=20)
    assert [column.title for column in kept] == ["requests", "answered", "paid mean", "s p50"]


def test_one_alone_has_no_spread() -> None:
    alone = replace(flow("answer", 1), cost=Spread.of([CENT]), time=Spread.of([2.0]))
    assert [column.cell(alone) for column in WIDE if column.title in ("spread", "s variance")] == ["n=1", "n=1"]


def test_each_table_has_the_columns_of_what_it_counts_and_each_column_a_meaning() -> None:
    assert {"steps", "held/paid"} <= {column.title for column in wide("model")}
    assert {"refused", "about/paid"} <= {column.title for column in wide("flow")}
    assert not {"refused", "about/paid", "waited p50"} & {column.title for column in wide("agent")}
    told = meanings({*wide("flow"), *wide("model")})
    assert len(told) == len(WIDE)
    assert all(column.meaning for column in WIDE)

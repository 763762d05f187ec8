"""What the story of a run says: who decided, what it held and paid, and how long it waited."""

from dataclasses import replace

import pytest

from bot.messages import story_text
from bot.messages.code_text import code
from bot.messages.mrkdwn import unescape
from bot.messages.story_amounts import Amounts
from bot.messages.story_views import DecisionLine, RouteLine
from tests.support.stories import attempt, step, story

LATE = "its model did not respond in time"


def test_a_step_tells_model_tokens_money_and_time() -> None:
    assert story_text.step(1, step(1), Amounts(story(1))) == [
        "✅ 1. writer · openai/gpt-5-mini · 812 in, 40 out · $0.01 of $0.03 held · 2.4 s · finished"
    ]


def test_attempts_stand_under_a_step_that_needed_several() -> None:
    line = step(1, attempts=(attempt(1, is_uncertain=True, ended=LATE), attempt(2, owner=2)))
    assert story_text.step(1, line, Amounts(replace(story(1), steps=(line,))))[1:] == [
        f"    attempt 1 · openai/gpt-5-mini · $0.01 without a bill of $0.03 held · 2.4 s · {LATE}",
        "    attempt 2 of process 2 · openai/gpt-5-mini · $0.01 of $0.03 held · 2.4 s · answered",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (RouteLine("decide", "person"), "It went to `decide`, which the asker chose."),
        (
            RouteLine("draft", "router", "A mail.", 0.92),
            "It went to `draft`, which the Router chose, 92% sure: A mail.",
        ),
        (RouteLine("answer", "default", "Not sure."), "It went to `answer`, the default. Not sure."),
    ],
)
def test_the_way_is_told_with_its_reason(line: RouteLine, said: str) -> None:
    assert story_text.route(line) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h"), (11_100, "3 h 5 min"), (86_400 * 2 + 3600, "2 days 1 h")],
)
def test_waits_are_told_in_units_of_their_size(seconds: float, said: str) -> None:
    assert story_text.long_time(seconds) == said


def test_a_long_run_is_cut_in_slack_and_says_so() -> None:
    *shown, last, whole = story_text.steps(story(60)).splitlines()
    assert whole == "in all $0.60 of $1.80 held"
    assert last == f"… and {60 - sum(' writer ' in line or ' critic' in line for line in shown)} more steps"
    assert len(story_text.steps(story(60), most=10**6).splitlines()) == 63


def test_one_rating_is_one_person() -> None:
    assert story_text.rating(replace(story(), helped=1, did_not=0)) == "1 person said it helped, 0 that it did not."


def test_code_cannot_be_left_by_what_stands_in_it() -> None:
    assert unescape(code("a ``` <!channel>")) == "```\na ''' <!channel>\n```"


def test_an_open_question_says_since_when_and_a_decided_one_how_long_it_waited() -> None:
    is_open = DecisionLine("The price, up to $0.30", "open since 29 Nov 18:43 UTC", 0.0, 0.0, is_open=True)
    assert story_text.decision(is_open) == "✋ The price, up to $0.30: open since 29 Nov 18:43 UTC"
    said = DecisionLine("The price, up to $0.30", "Lee agreed", 40.0, 0.0)
    assert story_text.decision(said) == "✋ The price, up to $0.30: Lee agreed · waited 40 s"

"""Idle stretches are left out of the picture, and what stands in them stays in order."""

from bot.runs.timeline import Timeline

S = 1_000_000


def test_work_without_pauses_stands_where_it_was() -> None:
    line = Timeline([(10 * S, 12 * S), (11 * S, 15 * S)])
    assert [line.at(moment * S) for moment in (10, 12, 15)] == [0, 2, 5]


def test_an_hour_of_waiting_is_drawn_as_one_second() -> None:
    line = Timeline([(0, 2 * S), (3602 * S, 3604 * S)])
    assert [line.at(moment * S) for moment in (2, 3602, 3604)] == [2, 3, 5]


def test_a_question_in_the_pause_stands_between_the_work() -> None:
    line = Timeline([(0, 2 * S), (3602 * S, 3604 * S)])
    assert [line.at(int(moment * S)) for moment in (2.5, 1800)] == [2.5, 3]


def test_several_pauses_add_up() -> None:
    line = Timeline([(0, S), (100 * S, 101 * S), (1000 * S, 1001 * S)])
    assert [line.at(moment * S) for moment in (101, 1000, 1001)] == [3, 4, 5]


def test_nothing_has_a_place_too() -> None:
    assert Timeline([]).at(5 * S) == 5

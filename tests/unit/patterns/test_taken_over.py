"""The price of what is left where steps are taken over: still a bound, and never below zero."""

from typing import Any

from patterns.core.quotes import Quote
from patterns.services import Services
from patterns.taken_over import quote_rest

QUOTES = {
    ("writer", None): Quote(10, 40, 5),
    ("critic", None): Quote(30, 90, 20),
    ("critic", "verdict"): Quote(7, 20, 3),
}


class Quoted:
    """A runner that knows prices alone."""

    def quote(self, _ctx: Any, _services: Any, *, agent: str, schema: Any = None) -> Quote:
        return QUOTES[agent, schema]


def rest(**taken_over: int) -> Quote:
    """Return the price of two rounds of a writer and a critic, who is asked in two ways."""
    place = Services(**{**dict.fromkeys(Services.__dataclass_fields__), "runner": Quoted(), "taken_over": taken_over})  # type: ignore[arg-type]

    def quote(at: Services) -> Quote:
        a_round = at.runner.quote(None, at, agent="writer")  # type: ignore[arg-type]
        a_round += at.runner.quote(None, at, agent="critic", schema="verdict")  # type: ignore[arg-type]
        return a_round.times(2) + at.runner.quote(None, at, agent="critic")  # type: ignore[arg-type]

    return quote_rest(place, quote)


def test_nothing_taken_over_is_the_whole_price() -> None:
    assert rest() == Quote(64, 210, 36)


def test_each_step_takes_the_place_of_one_of_its_agent() -> None:
    assert rest(writer=1) == Quote(54, 170, 31)
    assert rest(writer=2) == Quote(44, 130, 26)


def test_of_several_ways_to_ask_the_cheapest_is_left_out() -> None:
    assert rest(critic=1) == Quote(57, 190, 33)


def test_others_change_nothing_and_nothing_is_below_zero() -> None:
    assert rest(editor=3) == rest()
    assert rest(writer=99) == Quote(0, 0, 0)

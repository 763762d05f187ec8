"""Names of tools on the wire: every provider takes them, no two become one, and only offered ones come back."""

import re

from hypothesis import given
from hypothesis import strategies as st

from patterns.core.tools import ToolCall
from patterns.models.offer import Offer, wire_name

EVERYWHERE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")


def offer(*names: str, taken: tuple[str, ...] = ()) -> Offer:
    earlier = [ToolCall(id=told, name="t.u", arguments="{}") for told in taken]
    return Offer.of(names, model="p/m", earlier=earlier, turn=3, output_tokens_max=10)


def test_a_usual_name_is_told_by_its_own_letters() -> None:
    assert wire_name("tickets.search_issues") == "tickets__search_issues"
    assert wire_name("time.get-current-time") == "time__get-current-time"


def test_a_name_that_could_not_be_read_back_ends_in_a_hash() -> None:
    names = ["a.b", "a__b", "a.b__c", "a__b.c", "a b", "a.b.", "1st.tool", "x" * 70, "x" * 71, "é", "", "."]
    told = [wire_name(name) for name in names]
    assert len(set(told)) == len(names)
    assert all(EVERYWHERE.fullmatch(name) for name in told)


@given(st.lists(st.text(max_size=90), max_size=8, unique=True))
def test_every_name_fits_everywhere_and_is_mapped_back(names: list[str]) -> None:
    here = offer(*names)
    assert [here.name_of(wire_name(name)) for name in names] == names
    assert all(EVERYWHERE.fullmatch(wire_name(name)) for name in names)


def test_what_was_not_offered_stays_as_the_model_wrote_it() -> None:
    here = offer("tickets.search")
    written = ["tickets__delete", "functions.tickets__search", "Tickets__Search", ""]
    assert [here.name_of(name) for name in written] == written


def test_an_id_is_the_providers_unless_it_is_none_or_taken() -> None:
    here = offer("t", taken=("old",))
    assert here.id_of("new", 0, set()) == "new"
    assert [here.id_of(told, 1, {"used"}) for told in ("", "old", "used", "x" * 201)] == ["call_3_1"] * 4
    assert here.id_of("", 1, {"call_3_1"}) == "call_3_1x"

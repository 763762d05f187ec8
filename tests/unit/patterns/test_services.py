"""Services only narrow on the way down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.errors import LimitReachedError
from patterns.core.limits import MAX_DEPTH
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.support.pattern_runs import services


@given(
    limits=st.lists(st.none() | st.integers(-10, 10**10), max_size=6),
    deadlines=st.lists(st.none() | st.floats(0, 10_000), max_size=6),
    streams=st.lists(st.booleans(), max_size=6),
)
def test_a_child_can_only_do_less(limits: list[int | None], deadlines: list[float | None], streams: list[bool]) -> None:
    place = services(ScriptedModel([]), Memory(), may_stream=True)
    for number, (limit, deadline, may_stream) in enumerate(zip(limits, deadlines, streams, strict=False)):
        child = place.child(number, limit_nusd=limit, deadline=deadline, may_stream=may_stream)
        assert 0 <= child.pool_nusd <= place.pool_nusd
        assert child.deadline <= place.deadline
        assert child.may_stream <= place.may_stream
        assert child.caps[: len(place.caps)] == place.caps
        assert child.path.startswith(place.path)
        place = child


def test_patterns_end_at_the_deepest_level() -> None:
    place = services(ScriptedModel([]), Memory())
    for _ in range(MAX_DEPTH):
        place = place.nested("pipeline")
    with pytest.raises(LimitReachedError):
        place.nested("pipeline")


def test_time_already_spent_counts() -> None:
    memory = Memory()
    place = services(ScriptedModel([]), memory, run_s=60.0)
    memory.now_s += 45
    assert place.left_s == 15

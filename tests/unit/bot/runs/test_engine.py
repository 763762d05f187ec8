"""What the engine checks of a plan, whoever chose it."""

from dataclasses import replace

import pytest

from bot.runs.engine import checked
from patterns.core.errors import UserError
from patterns.flow import plan_of
from patterns.router import RouteDecision
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import LOADED, place


def test_a_plan_is_refused_whose_models_cannot_use_their_tools() -> None:
    tiny = LOADED.with_models({name: replace(spec, uses_tools=False) for name, spec in LOADED.models.items()})
    able = place(ScriptedModel([]), Memory(), FakeTools())
    where = place(ScriptedModel([]), Memory(), FakeTools(), roster=tiny)
    one, pick = (plan_of(CTX, where, RouteDecision(flow=flow)) for flow in ("one", "pick"))
    assert checked(where, pick) is pick
    assert checked(able, one) is one
    with pytest.raises(UserError, match="The tiny model cannot use tools: set OPENAI_API_KEY, "):
        checked(where, one)

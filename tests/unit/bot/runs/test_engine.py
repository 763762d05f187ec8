"""What the engine checks of a plan, whoever chose it, and what pricing all flows costs."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.engine import checked
from bot.settings import read_settings
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.flow import plan_of
from patterns.router import RouteDecision
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX
from tests.support.running_bot import bot_environment
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


async def test_for_the_prices_of_many_flows_a_place_is_looked_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:9/"
    settings = read_settings(bot_environment(api_url=nowhere, provider_url=f"{nowhere}v1", folder=tmp_path))
    async with open_engine(settings, await choose_models(settings)) as engine:
        payer, flows = Payer.of_channel("T1", "C1"), [*engine.roster.flows, "unheard-of"]
        single = [await engine.quote_flow(payer, flow) for flow in flows]
        reads, read = 0, type(engine.db).read

        async def counted(*args: object) -> object:
            nonlocal reads
            reads += 1
            return await read(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(type(engine.db), "read", counted)
        await engine.quote_flow(payer, flows[0])
        of_one, reads = reads, 0
        plans = await engine.quote_flows(payer, flows)
    assert [plan and plan.price for plan in plans] == [plan and plan.price for plan in single]
    assert (single[0] is None, single[-1] is None) == (False, True)
    assert reads - of_one == len(flows) - 2, (
        "what each of the others usually costs, and nothing for the one that is not"
    )

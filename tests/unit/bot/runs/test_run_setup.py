"""What a run keeps of its models: the same models at the same rates, on a day on which others are configured."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.runs.model_selection import PLAY_PRICE, ModelChoice, apply_choice, tiny_choice
from bot.runs.run_setup import ANSWERED_BY, GATEWAY, ModelNames, Setup, keep_setup, setups_in
from patterns.core.holds import Fence
from patterns.core.money import Price, rate_nusd_per_mtok
from patterns.core.step_record import StepRecord
from patterns.core.tools import NOTHING_ON, ToolRules
from patterns.models.client import LiteLLMClient
from patterns.roster.reading import read_roster_file
from patterns.roster.roster import Roster
from storage.run_story import StoryStep
from tests.support.shells import PROJECT

RATE = rate_nusd_per_mtok(Decimal("1.25"))
ANTHROPIC = ModelChoice("Anthropic", "anthropic/claude-haiku-4-5", "anthropic/claude-sonnet-4-6", sees_images=True)
OPENAI = ModelChoice("OpenAI", "openai/gpt-5-mini", "openai/gpt-5.2", price=Price(RATE, RATE), reasons=True)


def roster(choice: ModelChoice | None = None) -> Roster:
    read = read_roster_file(PROJECT / "patterns" / "roster.yml", env={})
    return read if choice is None else read.with_models(apply_choice(read.models, choice))


def setup(choice: ModelChoice, rules: ToolRules = NOTHING_ON) -> Setup:
    mine = roster(choice)
    client = LiteLLMClient(mine.models, {})
    return Setup.of(mine, client, client, rules)


@pytest.mark.parametrize("choice", [OPENAI, ANTHROPIC, tiny_choice("http://127.0.0.1:1/v1")], ids=lambda one: one.name)
def test_a_kept_setup_makes_the_same_models_of_any_roster_of_that_day(choice: ModelChoice) -> None:
    kept = Setup.read(setup(choice).data())
    for today in (roster(), roster(ANTHROPIC), roster(OPENAI)):
        again = kept.roster(today)
        prices = LiteLLMClient(again.models, {})
        then = LiteLLMClient(roster(choice).models, {})
        for name in kept.models:
            was, now = roster(choice).models[name], again.models[name]
            assert (now.model, now.sees_images, now.fallback) == (was.model, was.sees_images, was.fallback)
            assert (now.reasoning_tokens_max, now.context_tokens) == (was.reasoning_tokens_max, was.context_tokens)
            assert now.uses_tools == was.uses_tools
            assert now.api_base == (GATEWAY if was.api_base else None)
            assert (prices.price(name).version, prices.price(name).is_play) == (
                then.price(name).version, then.price(name).is_play,
            )  # fmt: skip


def test_play_money_and_tools_are_kept() -> None:
    assert setup(replace(OPENAI, price=PLAY_PRICE)).is_play_money
    assert not setup(OPENAI).is_play_money
    for rules in (NOTHING_ON, ToolRules(enabled=None), ToolRules(enabled=frozenset({"desk.find"}))):
        assert Setup.read(setup(OPENAI, rules).data()).tool_rules == rules


class _Journal:
    """The part of the services that keeps decisions, for an owner of a run."""

    def __init__(self, epoch: int, steps: list[StepRecord]) -> None:
        self.fence = Fence("r1", epoch)
        self.steps = steps

    async def record_decision(self, path: str, data: dict[str, object]) -> None:
        self.steps.append(StepRecord(path=path, input_hash="", outcome="decision", data=data))


async def test_an_owner_keeps_its_setup_only_where_it_is_another_one() -> None:
    steps: list[StepRecord] = []
    for epoch, choice in ((1, OPENAI), (2, OPENAI), (5, ANTHROPIC), (6, ANTHROPIC), (7, OPENAI)):
        await keep_setup(_Journal(epoch, steps), list(steps), setup(choice))  # type: ignore[arg-type]
    assert [step.path for step in steps] == ["setup", "setup/5", "setup/7"]
    assert [one.epoch for one in setups_in(steps)] == [1, 5, 7]
    names = ModelNames.of(steps)
    assert [names.of_model("fast", epoch) for epoch in (1, 4, 5, 7)] == [
        "openai/gpt-5-mini", "openai/gpt-5-mini", "anthropic/claude-haiku-4-5", "openai/gpt-5-mini",
    ]  # fmt: skip


def test_what_was_not_kept_has_the_name_of_the_roster_and_is_told() -> None:
    record = StepRecord(path="a", input_hash="h", outcome="ok", agent="a", model="fast")
    taken_over = record.model_copy(update={"path": "b", "data": {ANSWERED_BY: "openai/gpt-5-mini"}})
    tool = record.model_copy(update={"path": "c", "model": "tool:clock.now"})
    steps = [StoryStep(one.path, (), one) for one in (record, taken_over, tool)]
    names = ModelNames()
    assert [names.of_step(step) for step in steps] == ["fast", "openai/gpt-5-mini", "tool:clock.now"]
    assert names.not_kept(steps) == ["fast"]
    assert ModelNames((setup(OPENAI),)).not_kept(steps) == []

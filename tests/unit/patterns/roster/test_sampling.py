"""How a model picks its words: a closed list, because what is not in it could break what was held."""

import pytest

from patterns.core.errors import RosterError
from patterns.roster.model_schema import Sampling
from patterns.roster.roster import Roster, load_roster
from tests.support.pattern_runs import PROMPTS, ROSTER


def with_sampling(written: str) -> Roster:
    text = ROSTER.replace("spare: {model: openai/spare", f"spare: {{sampling: {written}, model: openai/spare")
    return load_roster(text, file="roster.yml", env={}, prompts=PROMPTS)


def test_four_settings_reach_the_model() -> None:
    roster = with_sampling("{temperature: 0.2, top_p: 0.9, seed: 7, repeat_penalty: 1.1}")
    assert roster.models["spare"].sampling == Sampling(temperature=0.2, top_p=0.9, seed=7, repeat_penalty=1.1)


def test_what_is_not_written_is_left_to_the_provider() -> None:
    assert with_sampling("{seed: 0}").models["spare"].sampling.given == {"seed": 0}
    assert with_sampling("{}").models["spare"].sampling.given == {}


def test_it_is_part_of_the_rosters_name() -> None:
    assert with_sampling("{seed: 1}").hash != with_sampling("{seed: 2}").hash


@pytest.mark.parametrize("name", ["n", "best_of", "max_tokens", "max_completion_tokens", "stop", "logit_bias"])
def test_nothing_else_can_be_set(name: str) -> None:
    with pytest.raises(RosterError, match=f"{name} cannot be set here; the settings are temperature, top_p, seed"):
        with_sampling(f"{{{name}: 2}}")


@pytest.mark.parametrize(
    "written", ["{temperature: 3}", "{temperature: -1}", "{top_p: 0}", "{top_p: 1.5}", "{seed: 0.5}", "{seed: -1}"]
)
def test_a_value_that_no_model_takes_is_refused(written: str) -> None:
    with pytest.raises(RosterError, match=r"spare\.sampling"):
        with_sampling(written)

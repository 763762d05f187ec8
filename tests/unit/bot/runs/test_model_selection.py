"""Who answers when the roster leaves it to us."""

from bot.runs.model_selection import apply_choice, provider_choice, tiny_choice
from patterns.roster.roster import ModelSpec

AUTO = {"strong": ModelSpec(name="strong", model="auto", reasoning_tokens_max=2000)}


def test_the_first_key_decides() -> None:
    choice = provider_choice({"GEMINI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"})
    assert choice is not None
    assert choice.api_key_env == "ANTHROPIC_API_KEY"


def test_without_a_key_no_provider_is_chosen() -> None:
    assert provider_choice({"OPENAI_API_KEY": ""}) is None


def test_what_the_operator_named_stays_untouched() -> None:
    named = {"strong": ModelSpec(name="strong", model="openai/gpt-5.2", reasoning_tokens_max=2000)}
    assert apply_choice(named, tiny_choice("http://127.0.0.1:1/v1")) == named


def test_models_that_think_first_get_the_rosters_room_for_it() -> None:
    choice = provider_choice({"OPENAI_API_KEY": "k"})
    assert choice is not None
    assert apply_choice(AUTO, choice)["strong"].reasoning_tokens_max == 2000


def test_the_tiny_model_gets_no_room_to_ramble() -> None:
    assert apply_choice(AUTO, tiny_choice("http://127.0.0.1:1/v1"))["strong"].reasoning_tokens_max == 0


def test_the_tiny_model_uses_no_tools_and_every_other_one_may() -> None:
    choice = provider_choice({"OPENAI_API_KEY": "k"})
    assert choice is not None
    assert apply_choice(AUTO, choice)["strong"].uses_tools
    assert not apply_choice(AUTO, tiny_choice("http://127.0.0.1:1/v1"))["strong"].uses_tools
    named = {"strong": ModelSpec(name="strong", model="openai/gpt-5.2")}
    assert apply_choice(named, tiny_choice("http://127.0.0.1:1/v1"))["strong"].uses_tools

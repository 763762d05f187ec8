"""What the demo says first."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.local_slack import LocalSlack
from bot.demo.tiny_model import ROSTER, with_tiny_roster
from bot.demo.welcome import CHOICE, QUESTION, TEXT, printed, requests_for
from bot.runs.model_selection import ModelChoice, provider_choice, tiny_choice
from bot.settings import SHIPPED_ROSTER, read_settings
from patterns.roster.roster import Roster, load_roster
from tests.support.pattern_runs import LOADED

TINY = tiny_choice("http://127.0.0.1:9/v1")


def roster(path: Path) -> Roster:
    return load_roster(path.read_text("utf-8"), file=path.name, env={}, folder=path.parent)


@pytest.mark.parametrize(("path", "flow"), [(SHIPPED_ROSTER, "draft"), (ROSTER, "review")], ids=["shipped", "tiny"])
def test_the_requests_fit_the_shipped_roster_and_the_tiny_models(path: Path, flow: str) -> None:
    assert requests_for(roster(path)) == (QUESTION, f"use decide: {CHOICE}", f"use {flow}: {TEXT}")


def test_for_a_roster_of_ones_own_they_are_its_examples() -> None:
    own = replace(LOADED, flows={"one": LOADED.flows["one"].model_copy(update={"examples": ("Read this",)})})
    assert requests_for(own) == ("use one: Read this", QUESTION)


@pytest.mark.parametrize(
    ("choice", "cap_nusd", "words"),
    [
        (TINY, None, "A tiny model answers: readable sentences, often wrong; play money"),
        (provider_choice({"OPENAI_API_KEY": "k"}), 10**9, "OpenAI answers; real money of your key, at most $1.00"),
        (None, 10**9, "The models of your roster answer; real money"),
    ],
)
def test_the_terminal_says_it_in_four_lines(
    choice: ModelChoice, cap_nusd: int | None, words: str, tmp_path: Path
) -> None:
    text = printed(LocalSlack(env={}, folder=tmp_path), choice, tmp_path, cap_nusd=cap_nusd)
    assert len(text.splitlines()) == 4
    assert words in text


def test_only_the_tiny_model_gets_its_roster_and_only_in_place_of_the_shipped_one(tmp_path: Path) -> None:
    shipped = read_settings({"AGENTS_DATA_DIR": str(tmp_path)})
    own = shipped.model_copy(update={"roster_path": tmp_path / "own.yml"})
    assert with_tiny_roster(shipped, TINY).roster_path == ROSTER
    assert with_tiny_roster(shipped, None).roster_path == SHIPPED_ROSTER
    assert with_tiny_roster(own, TINY).roster_path == tmp_path / "own.yml"

"""Names of the places in a run, as people tell them apart: a step by its agent, a decision by what it decides."""

from itertools import pairwise

from bot.runs.told_price import PRICE_PATH
from patterns.flow import PLAN
from storage.run_story import RunStory, StoryStep

_COUNTED = {"supervisor": "round", "turn": "turn", "call": "call"}
"""What a number in a step's path counts, by the segment before it."""
_DECISIONS = {PLAN: "the plan", PRICE_PATH: "the price it was told", "confirm": "the question about its price"}


def step_name(step: StoryStep) -> str:
    """Return a step as people tell it from others: its agent, with its round, turn and call where there are several."""
    return _named(step.agent or step.path, step.path)


def place_in(story: RunStory, path: str) -> str:
    """Return where something is in a run: a step by its number in `agents show`, a decision by what it decides."""
    for number, step in enumerate(story.steps, start=1):
        if step.path == path:
            return f"step {number}, {step_name(step)}"
    if not path or path in _DECISIONS:
        return _DECISIONS.get(path, "")
    if path.startswith("money/"):
        return "the question about more budget"
    above, _, last = path.rpartition("/")
    if last == "human":
        return _named("the review by a person", path)
    if last == "outcome":
        return "the result of an unfinished part"
    agent = next((step.agent for step in story.steps if step.path.startswith(f"{above}/")), "")
    return _named(agent or last, path)


def _named(name: str, path: str) -> str:
    parts = pairwise(path.split("/"))
    return ", ".join([name, *(f"{_COUNTED[before]} {number}" for before, number in parts if before in _COUNTED)])

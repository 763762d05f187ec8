"""What a run works with, as its journal keeps it: the provider's model behind each name of the roster, rates, tools.

It is kept before anything is paid, and again by a process that has other models. Keys and variables of another day
choose other models, so what shows, replays or compares a run reads what it kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.runs.model_selection import AUTO
from patterns.core.errors import RosterError
from patterns.core.money import Price
from patterns.core.ports import ModelClient
from patterns.core.step_record import StepRecord
from patterns.core.tools import TOOL_MODEL, ToolRules
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import ModelSpec, Roster
from patterns.services import Services, join
from storage.run_story import RunStory, StoryStep

SETUP = "setup"
"""Path of what the first owner of a run worked with; a later one with other models writes `setup/EPOCH`."""
ANSWERED_BY = "answered_by"
"""Key of a step's data: the provider's name of the model that answered in the run from which it was taken over."""
GATEWAY = "http://gateway.invalid"
"""Stands for the address that a model was reached at through a gateway; nothing is sent there."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run works with from the owner `epoch` on. `models` are facts by the roster's name of a model.

    `tools` are the names of those that are on, None for every tool of the roster.
    """

    models: Mapping[str, Mapping[str, Any]]
    tools: tuple[str, ...] | None = ()
    epoch: int = field(default=0, compare=False)

    @classmethod
    def of(cls, roster: Roster, client: LiteLLMClient, allowed: ModelClient, rules: ToolRules) -> "Setup":
        """Return what works now: `allowed` is the client with the models that may be used where the run is."""
        models: dict[str, Mapping[str, Any]] = {}
        for name in models_used(roster, allowed):
            try:
                models[name] = _facts(roster.models[name], client, allowed)
            except RosterError:  # its step will say so
                continue
        return cls(models, None if rules.enabled is None else tuple(sorted(rules.enabled)))

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Setup":
        """Return what the data of a decision under `SETUP` keeps."""
        tools = data.get("tools", ())
        return cls(data.get("models", {}), None if tools is None else tuple(tools), data.get("epoch", 0))

    def data(self) -> dict[str, Any]:
        """Return it as the data of a decision."""
        tools = None if self.tools is None else [*self.tools]
        return {"epoch": self.epoch, "models": self.models, "tools": tools}

    @property
    def is_play_money(self) -> bool:
        """Return whether the rates of any of its models are made up."""
        return any(facts.get("play") for facts in self.models.values())

    @property
    def tool_rules(self) -> ToolRules:
        """Return which tools are on; grants and privacy matter only where calls are made."""
        return ToolRules(None if self.tools is None else frozenset(self.tools))

    def roster(self, roster: Roster) -> Roster:
        """Return a roster in which the models are those it kept; what was not kept stays."""
        known = {name: facts for name, facts in self.models.items() if name in roster.models}
        return roster.with_models({name: _spec(roster.models[name], facts) for name, facts in known.items()})


def models_used(roster: Roster, client: ModelClient) -> list[str]:
    """Return the roster's names of all models that may answer, with their fallbacks."""
    asked = dict.fromkeys([*(agent.model for agent in roster.agents.values()), roster.router.model])
    return list(dict.fromkeys(name for model in asked for name in (model, *client.fallbacks(model))))


def _facts(spec: ModelSpec, client: LiteLLMClient, allowed: ModelClient) -> dict[str, Any]:
    price, fallback = client.price(spec.name), list(allowed.fallbacks(spec.name))
    facts: dict[str, Any] = {
        "id": spec.model,
        "price": price.version,
        "play": price.is_play,
        "fallback": fallback,
        "images": spec.sees_images,
        "no_tools": not spec.uses_tools,
        "thinks": spec.reasoning_tokens_max,
        "context": spec.context_tokens,
        "gateway": client.access(spec.name).is_chosen,
    }
    return {name: fact for name, fact in facts.items() if fact}


def _spec(spec: ModelSpec, facts: Mapping[str, Any]) -> ModelSpec:
    price = Price.from_version(facts["price"])
    return replace(
        spec,
        model=facts["id"],
        price=replace(price, is_play=bool(facts.get("play"))),
        fallback=tuple(facts.get("fallback", ())),
        sees_images=bool(facts.get("images")),
        uses_tools=not facts.get("no_tools"),
        reasoning_tokens_max=facts.get("thinks", 0),
        context_tokens=facts.get("context"),
        api_base=GATEWAY if facts.get("gateway") else None,
        api_key_env=None,
    )


async def keep_setup(services: Services, steps: Iterable[StepRecord], now: Setup) -> None:
    """Journal what a run works with from now on, unless that stands there already."""
    kept = setups_in(steps)
    if kept and kept[-1] == now:
        return
    epoch = services.fence.epoch
    await services.record_decision(join(SETUP, *([epoch] if kept else [])), replace(now, epoch=epoch).data())


def setups_in(steps: Iterable[StepRecord]) -> list[Setup]:
    """Return everything that a run has worked with, in order."""
    return in_order(step.data for step in steps if is_setup(step.path))


def in_order(kept: Iterable[Mapping[str, Any]]) -> list[Setup]:
    """Return setups from the data of their decisions, the first owner's first."""
    return sorted(map(Setup.read, kept), key=lambda setup: setup.epoch)


def is_setup(path: str) -> bool:
    """Return whether a decision tells what a run works with."""
    return path == SETUP or path.startswith(f"{SETUP}/")


@dataclass(frozen=True, slots=True)
class ModelNames:
    """The names that providers give to the models of one run; without `setups` it kept none."""

    setups: Sequence[Setup] = ()

    @classmethod
    def of(cls, steps: Iterable[StepRecord]) -> "ModelNames":
        """Return the names that a run's journal tells."""
        return cls(tuple(setups_in(steps)))

    @classmethod
    def in_story(cls, story: RunStory) -> "ModelNames":
        """Return the names that the story of a run tells."""
        return cls.of(step.record for step in story.decisions if step.record is not None)

    def of_model(self, model: str, epoch: int | None = None) -> str:
        """Return the provider's name of a model as the owner `epoch` of the run used it; the roster's if not kept."""
        facts = [one.models[model] for one in self.setups if model in one.models and _is_before(one, epoch)]
        return str(facts[-1]["id"]) if facts else model

    def of_step(self, step: StoryStep) -> str:
        """Return the provider's name of the model that finished a step, or was asked last; the roster's if not kept."""
        kept = step.record.data.get(ANSWERED_BY) if step.record else None
        if kept:
            return str(kept)
        last = next((call for call in step.calls if call.id == step.call_id), step.calls[-1] if step.calls else None)
        return self.of_model(step.model, last.owner_epoch if last else None)

    def not_kept(self, steps: Iterable[StoryStep]) -> list[str]:
        """Return the roster's names of models that answered and of which the run kept no more than that."""
        known = {model for setup in self.setups for model in setup.models}
        unknown = [step for step in steps if step.model not in known and self.of_step(step) == step.model]
        return [model for model in dict.fromkeys(step.model for step in unknown) if model and not is_tool(model)]

    def roster(self, roster: Roster) -> Roster:
        """Return a roster whose models have the names that the run's had: those it kept, else the roster's own."""
        models = {name: replace(spec, model=self.of_model(name)) for name, spec in roster.models.items()}
        return roster.with_models(models)

    @property
    def is_play_money(self) -> bool:
        """Return whether any of its models has rates that are made up."""
        return any(setup.is_play_money for setup in self.setups)


def is_tool(model: str) -> bool:
    """Return whether what a call was of is a tool."""
    return model.startswith(TOOL_MODEL)


def _is_before(setup: Setup, epoch: int | None) -> bool:
    return epoch is None or setup.epoch <= epoch


def stand_in(spec: ModelSpec) -> ModelSpec:
    """Return a model for a name whose provider is not known: its price tells nothing, but it can be asked for one."""
    if spec.model != AUTO:
        return spec
    return replace(spec, model="openai/gpt-5-mini", api_base=GATEWAY, api_key_env=None)

"""A run again from one of its steps on, with something changed: what came before is taken over, the rest is paid."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import yaml

from bot.runs.engine import Engine
from bot.runs.model_selection import apply_choice
from bot.runs.run_setup import ANSWERED_BY, ModelNames, is_setup
from bot.runs.step_names import step_name
from bot.runs.stories import route_of
from bot.runs.told_price import PRICE_PATH
from patterns.core.context import TaskContext
from patterns.core.errors import RosterError, UserError
from patterns.core.events import PatternResult
from patterns.core.holds import Fence, Payer
from patterns.core.ports import Clock
from patterns.core.questions import Decision, Question
from patterns.core.step_record import StepRecord
from patterns.estimate import estimate
from patterns.flow import PLAN, Choice, Plan, plan_of
from patterns.models.client import LiteLLMClient
from patterns.replay import KeptMoney, KeptSteps, steps_by_agent
from patterns.roster.consistency import ROUTER
from patterns.roster.roster import Roster, from_snapshot
from patterns.roster.suggestions import instead_of
from patterns.router import RouteDecision
from patterns.services import Services
from storage.database.database import Database
from storage.questions import Questions
from storage.run_story import RunStory, StoryStep

OUTCOME = "outcome"
NEW_MODEL = "changed"
"""What a model is called that the roster does not have under a name of its own."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different: the model of everything paid anew, the flow, or the prompt of the step's agent."""

    model: str = ""
    flow: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Rerun:
    """What a new run takes over from an old one. `steps` are by path and cost nothing again.

    `decisions` were taken before the step began, by patterns and by people; `priced_as` is what its estimate is of, and
    `is_other_price` says that what it cost the first time tells nothing.
    """

    story: RunStory
    start: StoryStep
    choice: Choice
    roster: Roster
    steps: Mapping[str, StepRecord]
    decisions: Sequence[StepRecord]
    answers: Mapping[str, Decision]
    priced_as: Choice
    is_other_price: bool
    route: RouteDecision | None = None
    """The plan that it keeps; None where another one is made."""
    redone: tuple[StoryStep, ...] = field(default=())

    @property
    def old_nusd(self) -> int:
        """Return what the steps that are paid anew cost the first time."""
        return sum(step.cost_nusd for step in self.redone)


def step_said(story: RunStory, said: str) -> StoryStep:
    """Return the step that a person named: by its number in `agents show`, its path, or its agent.

    Raises:
        UserError: there is none, or it is not finished.
    """
    steps = story.steps
    by_number = steps[int(said) - 1] if said.isdigit() and 0 < int(said) <= len(steps) else None
    found = by_number or story.step(said) or next((step for step in steps if step.agent == said), None)
    if found is None or found.record is None:
        names = ", ".join(f"{number} {step_name(step)}" for number, step in enumerate(steps, start=1)) or "none"
        raise UserError(f"There is no finished step {said[:60]!r} in that run. Its steps are: {names}.")
    return found


def rerun_of(story: RunStory, start: StoryStep, change: Change, *, snapshot: str, env: Mapping[str, str]) -> Rerun:
    """Return what a run from that step on takes over: every step that had begun before this one ended.

    Steps side by side with it are kept: they did not see its answer. Another flow takes over nothing.

    Raises:
        UserError: texts of the run were deleted, or the changed roster cannot work.
    """
    if story.forgotten:
        raise UserError("Texts of that run were deleted, so it cannot go on from one of its steps.")
    names = ModelNames.in_story(story)
    kept = {
        step.path: free_of_cost(step.record, answered_by=names.of_step(step))
        for step in story.steps
        if step.record is not None and step.path != start.path and step.started_us < start.ended_us and not change.flow
    }
    redone = tuple(step for step in story.steps if step.path not in kept and not (change.flow and step.agent == ROUTER))
    route = route_of(story)
    chooses_anew = start.agent == ROUTER and start.path.startswith("route/")
    keeps_plan = route is not None and not chooses_anew and not change.flow
    before = [step.record for step in story.decisions if step.record is not None and step.at_us <= start.started_us]
    answers = {
        asked.path: asked.decision
        for asked in story.questions
        if asked.decision is not None and asked.decided_us is not None and asked.decided_us <= start.started_us
    }
    return Rerun(
        story=story,
        start=start,
        choice=Choice(flow=change.flow) if change.flow else _choice(story) if chooses_anew else Choice(),
        roster=_changed(snapshot, start.agent, change, env=env),
        steps=kept,
        decisions=[free_of_cost(one) for one in before if _is_kept(one, keeps_plan=keeps_plan)]
        if not change.flow
        else [],
        answers={} if change.flow else answers,
        priced_as=Choice(flow=change.flow) if change.flow else _priced_as(route),
        is_other_price=bool(change.model or change.flow),
        route=route if keeps_plan else None,
        redone=redone,
    )


def _priced_as(route: RouteDecision | None) -> Choice:
    """Return the choice whose price is the run's; of what the Router composed, that of its agents side by side."""
    return Choice(flow=route.flow or None, agents=route.agents) if route is not None else Choice()


def _choice(story: RunStory) -> Choice:
    options = story.run.options
    return Choice(flow=options.get("flow"), agents=tuple(options.get("agents", ())), dry=story.run.is_dry)


def _is_kept(decision: StepRecord, *, keeps_plan: bool) -> bool:
    """Return whether a decision holds for the new run: prices and refusals are its own."""
    if decision.path == PLAN:
        return keeps_plan
    return decision.path != PRICE_PATH and not is_setup(decision.path) and not decision.path.startswith("refusal/")


def free_of_cost(record: StepRecord, *, answered_by: str = "") -> StepRecord:
    """Return a step or a decision as a run has it that does not pay for it, with the model that answered then."""
    text = record.text
    if record.path == PLAN:
        decision, took = json.loads(text)
        text = json.dumps(
            [decision, PatternResult.model_validate(took).model_copy(update={"cost_nusd": 0}).model_dump(mode="json")]
        )
    elif record.path.endswith(f"/{OUTCOME}"):
        text = PatternResult.model_validate_json(text).model_copy(update={"cost_nusd": 0}).model_dump_json()
    data = {name: value for name, value in record.data.items() if name not in ("before_nusd", "uncertain_nusd")}
    data |= {ANSWERED_BY: answered_by} if answered_by else {}
    free = {"cost_nusd": 0, "attempts": 0, "elapsed_ms": 0, "input_tokens": 0, "output_tokens": 0}
    return record.model_copy(update={**free, "text": text, "data": data})


def _changed(snapshot: str, agent: str, change: Change, *, env: Mapping[str, str]) -> Roster:
    """Return the run's roster with the change written into it, so that the new run's snapshot has it too."""
    kept = json.loads(snapshot)
    if change.prompt:
        name = from_snapshot(snapshot, env=env).agent(agent).prompt
        kept["prompts"][name] = change.prompt
    if change.model:
        kept["source"] = _with_model(kept["source"], change.model)
    try:
        return from_snapshot(json.dumps(kept), env=env)
    except RosterError as error:
        raise UserError(f"With that change the roster cannot work. {error}") from error


def _with_model(source: str, model: str) -> str:
    """Return a roster's text in which one model answers for every agent; the Router keeps its own."""
    document = yaml.safe_load(source)
    known = {str(entry.get("model")): name for name, entry in document["models"].items()}
    name = model if model in document["models"] else known.get(model, "")
    if not name:
        if "/" not in model:
            raise UserError(
                f"There is no model {model[:80]!r}. {instead_of(model, document['models'], 'models of the roster')} "
                "Another one is written as provider/model."
            )
        name = NEW_MODEL
        document["models"][name] = {"model": model}
    for agent in document["agents"].values():
        agent["model"] = name
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


@dataclass(frozen=True)
class RerunEngine(Engine):
    """An engine for one run that takes steps over; `given` is the context of the run they are of."""

    rerun: Rerun | None = None
    given: TaskContext | None = None

    @classmethod
    def over(cls, engine: Engine, rerun: Rerun, given: TaskContext) -> "RerunEngine":
        """Return an engine with the changed roster, in which kept steps and answers hold."""
        parts = {part.name: getattr(engine, part.name) for part in fields(Engine)}
        roster = rerun.roster
        if engine.choice is not None:
            roster = roster.with_models(apply_choice(roster.models, engine.choice))
        parts["roster"], parts["client"] = roster, LiteLLMClient(roster.models, engine.settings.env)
        parts["questions"] = AnsweredQuestions(engine.db, engine.clock, rerun.answers)
        return cls(**parts, rerun=rerun, given=given)

    async def quote_rest(self, payer: Payer, request: str) -> Plan:
        """Return the plan with the price of what is paid anew, as it will be asked about and held."""
        rerun = self._rerun

        def make(ctx: TaskContext, services: Services) -> Plan:
            if rerun.route is None:
                return estimate(ctx, services, rerun.priced_as)
            return plan_of(ctx, services, rerun.route)

        return await self._quoted(payer, request, make, dry=rerun.story.run.is_dry)

    async def _usual_nusd(
        self, services: Services, plan: Plan, known_nusd: Mapping[str, int | None] = MappingProxyType({})
    ) -> int | None:
        """Return what the rest cost the first time; with another model or flow nobody knows what is usual."""
        del services, plan, known_nusd
        return None if self._rerun.is_other_price else self._rerun.old_nusd

    def _services(self, *ports: Any, **facts: Any) -> Services:  # noqa: ANN401 - those of the engine
        services, kept = super()._services(*ports, **facts), self._rerun.steps
        if self.given is None:
            return services
        return replace(
            services,
            runner=KeptSteps(services.runner, self.client, kept, self.given),
            ledger=KeptMoney(services.ledger, frozenset(kept)),
            taken_over=steps_by_agent(kept.values()),
        )

    @property
    def _rerun(self) -> Rerun:
        if self.rerun is None:
            raise AssertionError("made with `over`")
        return self.rerun


class AnsweredQuestions(Questions):
    """Questions of a run in which people have answered before: those answers hold, everything else is asked."""

    def __init__(self, db: Database, clock: Clock, answers: Mapping[str, Decision]) -> None:
        super().__init__(db, clock)
        self._answers = answers

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:
        """Return the earlier answer, or ask."""
        return self._answers.get(path) or await super().ask(fence, path, question)

"""Stories of runs as views: what is stored, with names of people and models, and texts for those who may see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bot.messages.decision_text import decision_words, question_words
from bot.messages.flow_diagram import flow_diagram
from bot.messages.month_report import model_name
from bot.messages.run_text import date_and_time, moment
from bot.messages.story_views import AttemptLine, DecisionLine, RouteLine, StepLine, StepTexts, StoryView
from bot.messages.views import RunState, StepState
from bot.people.profiles import ProfileLookup
from bot.runs.by_hand import is_by_hand, what_it_was
from bot.runs.engine import Engine
from bot.runs.outcome import RunOutcome
from bot.runs.run_setup import ModelNames, is_tool
from bot.runs.step_names import step_name
from bot.runs.timeline import Timeline
from bot.runs.told_price import PRICE_PATH, estimate_in
from patterns.core.errors import RosterError, StorageError
from patterns.core.events import PatternResult, StopReason
from patterns.core.quotes import PriceEstimate
from patterns.core.reasons import Reason
from patterns.flow import PLAN
from patterns.roster.roster import Roster
from patterns.router import RouteDecision
from patterns.trees import flow_tree
from storage.run_story import RunStory, StoryCall, StoryQuestion, StoryStep

_FINISHED = {
    "stop": "finished",
    "length": "cut at its length limit",
    "paused": "paused by its provider in a long search",
    "repetition": "cut because it repeated itself",
    "content_filter": "refused by its provider",
}
_ENDED = {
    StopReason.BUDGET: "It ended because the budget did not allow more.",
    StopReason.LIMIT: "It ended at a limit of the run.",
    StopReason.TIMEOUT: "It ended because its time was over.",
    StopReason.REJECTED: "It ended without approval.",
}
_STATES = {"accepted": RunState.QUEUED, "running": RunState.RUNNING, "parked": RunState.WAITING}


def route_of(story: RunStory) -> RouteDecision | None:
    """Return what was chosen to run; None before that, and once its text was deleted."""
    plan = story.decision(PLAN)
    return RouteDecision.model_validate(json.loads(plan.text)[0]) if plan is not None and plan.text else None


def price_of(story: RunStory) -> PriceEstimate | None:
    """Return the price the plan was told with; None before it has one."""
    told = story.decision(PRICE_PATH)
    return None if told is None else estimate_in(told, story.run)


def outcome_of(story: RunStory) -> RunOutcome | None:
    """Return how the run ended; None before that, and once its text was deleted."""
    return RunOutcome.model_validate_json(story.result_json) if story.result_json else None


async def roster_of(engine: Engine, story: RunStory) -> Roster | None:
    """Return the roster a run was accepted under; None where this program or environment cannot read it."""
    try:
        return await engine.roster_read_back(story.run)
    except (RosterError, StorageError):
        return None


def state_of(story: RunStory) -> RunState:
    """Return how a run stands, as people read it."""
    if story.run.status in _STATES:
        return _STATES[story.run.status]
    outcome = outcome_of(story)
    if outcome is not None:
        return outcome.state
    return RunOutcome(result=PatternResult(output="?", stop_reason=StopReason(story.run.stop_reason))).state


@dataclass(frozen=True, slots=True)
class StoryViews:
    """Builds the view of a story."""

    profiles: ProfileLookup

    async def view(
        self, story: RunStory, roster: Roster | None, texts: Mapping[str, StepTexts] | None = None
    ) -> StoryView:
        """Return a run as its readers see it: without `roster` no plan is drawn, without `texts` nothing is quoted."""
        run, outcome, route = story.run, outcome_of(story), route_of(story)
        line = _timeline(story)
        names = ModelNames.in_story(story)
        return StoryView(
            run_id=run.id,
            asker=await self.profiles.person(run.user, run.workspace),
            place=await self.profiles.place_name(run.payer) if run.channel_kind == "channel" else "direct messages",
            when=f"{date_and_time(run.created_us)} UTC",
            request="(deleted)" if story.request is None else story.request,
            state=state_of(story),
            route=_route_line(route) if route else _unplanned(story),
            price=price_of(story),
            diagram=_diagram(names.roster(roster), route) if roster else (),
            steps=tuple(_step(step, line, names, texts) for step in story.steps),
            decisions=tuple([await self._decision(story, asked, line) for asked in story.questions]),
            seconds=_worked_s(story, line),
            waited_s=story.waited_us / 1e6,
            queued_s=_queued_s(story, line),
            held_nusd=sum(step.held_nusd for step in story.steps),
            cost_nusd=story.cost_nusd,
            uncertain_nusd=story.uncertain_nusd,
            helped=story.helped,
            did_not=story.did_not,
            ended=await self._ended(story),
            answer=outcome.result.output if outcome and texts is not None else "",
            notes=(*_taken_over(story), *_not_kept(names, story), *(outcome.result.notes if outcome else ())),
            missing=outcome.result.missing if outcome else (),
            owners=_owners(story),
            has_texts=texts is not None,
            dry=run.is_dry,
            play_money=names.is_play_money or (not names.setups and self.profiles.is_play_money),
        )

    async def _ended(self, story: RunStory) -> str:
        run = story.run
        if run.status != "done":
            return ""
        if run.stop_reason == StopReason.CANCELLED and run.cancel_requested_by:
            who = await self.profiles.person(run.cancel_requested_by, run.workspace)
            return f"{who.name} stopped it."
        return _ENDED.get(StopReason(run.stop_reason), "")

    async def _decision(self, story: RunStory, asked: StoryQuestion, line: Timeline) -> DecisionLine:
        what, start_s = question_words(asked.question), line.at(asked.asked_us)
        if asked.decision is None:
            return DecisionLine(what, f"open since {moment(asked.asked_us, 'UTC')}", 0.0, start_s, is_open=True)
        user = asked.decision.user
        name = (await self.profiles.person(user, story.run.workspace)).name if user else ""
        return DecisionLine(
            what, decision_words(asked.question, asked.decision, name=name), asked.waited_us / 1e6, start_s
        )


def _taken_over(story: RunStory) -> tuple[str, ...]:
    older = story.run.options.get("again_from")
    return (f"Its first steps were taken over from {older['run']} and not paid again.",) if older else ()


def _worked_s(story: RunStory, line: Timeline) -> float:
    """Return the seconds that the run was worked on; what a command does call by call is as long as its steps."""
    if is_by_hand(story):
        return max((line.at(step.ended_us) for step in story.steps), default=0.0)
    return story.run.executed_ms / 1000


def _queued_s(story: RunStory, line: Timeline) -> float:
    """Return the seconds in which nobody worked on it and nobody was asked; of an open run, those before it began."""
    run = story.run
    if run.finished_us is None:
        return max(0, line.begin_us - run.created_us) / 1e6 if story.steps else 0.0
    whole_s = (run.finished_us - run.created_us - story.waited_us) / 1e6
    return 0.0 if is_by_hand(story) else max(0.0, whole_s - run.executed_ms / 1000)


def _owners(story: RunStory) -> int:
    """Return how many processes had the run because the one before was gone; an answer of people is no such reason."""
    taken_up = len({call.owner_epoch for call in story.calls})
    return max(1, taken_up - sum(asked.decision is not None for asked in story.questions))


def _not_kept(names: ModelNames, story: RunStory) -> tuple[str, ...]:
    """Return what a run that kept no models says instead of their names."""
    models = names.not_kept(story.steps)
    if not models:
        return ()
    verb = "is a name" if len(models) == 1 else "are names"
    return (
        f"{' and '.join(models)} {verb} of the roster: which provider's model answered was not kept yet at that time.",
    )


def _unplanned(story: RunStory) -> RouteLine | None:
    """Return what a run went to without a plan: what its command asked for, or what the asker named."""
    if is_by_hand(story):
        return RouteLine(story.run.flow, "hand", what_it_was(story))
    return RouteLine(story.run.flow, "") if story.run.flow else None


def _timeline(story: RunStory) -> Timeline:
    return Timeline((step.started_us, step.ended_us) for step in story.steps)


def _route_line(route: RouteDecision) -> RouteLine:
    title = route.flow or f"{route.pattern} of {', '.join(route.agents)}"
    if route.flow and route.agents and route.agents != (route.flow,):
        title = f"{route.flow} with {', '.join(route.agents)}"
    return RouteLine(title, route.chosen_by, route.reason, route.confidence)


def _diagram(roster: Roster, route: RouteDecision | None) -> tuple[str, ...]:
    if route is None:
        return ()
    try:
        return flow_diagram(roster, flow_tree(roster, route), title=route.flow or route.pattern)
    except (KeyError, IndexError):  # written by another program, with a flow that this roster does not have
        return ()


def _step(step: StoryStep, line: Timeline, names: ModelNames, texts: Mapping[str, StepTexts] | None) -> StepLine:
    record = step.record
    state = {"ok": StepState.DONE, "failed": StepState.FAILED}.get(record.outcome if record else "", StepState.SKIPPED)
    start_s = line.at(step.started_us)
    return StepLine(
        path=step.path,
        label=step_name(step),
        agent=step.agent,
        model=model_name(names.of_step(step)),
        state=state,
        start_s=start_s,
        seconds=max(0.0, line.at(step.ended_us) - start_s),
        held_nusd=step.held_nusd,
        cost_nusd=step.cost_nusd,
        uncertain_nusd=step.uncertain_nusd,
        input_tokens=step.input_tokens,
        output_tokens=step.output_tokens,
        ended=_how_it_ended(step),
        attempts=tuple(_attempt(call, names) for call in step.calls),
        texts=texts.get(step.path, StepTexts()) if texts is not None else None,
        is_tool=is_tool(step.model),
    )


def _how_it_ended(step: StoryStep) -> str:
    if step.record is None:
        return Reason.UNFINISHED.clause()
    if step.record.outcome == "failed":
        return Reason(step.record.reason).clause()
    return _FINISHED.get(step.record.finish_reason, "finished")


def _attempt(call: StoryCall, names: ModelNames) -> AttemptLine:
    return AttemptLine(
        model=model_name(names.of_model(call.model, call.owner_epoch)),
        number=call.attempt,
        owner=call.owner_epoch,
        held_nusd=call.hold_nusd,
        cost_nusd=call.actual_nusd if call.is_paid else 0,
        is_uncertain=call.state == "uncertain",
        input_tokens=call.usage.input_tokens if call.usage else 0,
        output_tokens=call.usage.output_tokens if call.usage else 0,
        seconds=((call.closed_us or call.opened_us) - call.opened_us) / 1e6,
        ended=_call_ended(call),
    )


def _call_ended(call: StoryCall) -> str:
    if call.state == "open":
        return "under way"
    if call.reason:
        return Reason(call.reason).clause()
    return "answered" if call.state == "settled" else "not billed"

"""Replay a run from its journal: the same decisions and the same money, computed again, with nothing sent or written.

It is computed with the models, rates and tools that the run kept, whatever keys are set here. What cannot come out the
same is named: a decision, a prompt, a sum. So is what was deleted, was never stored or cannot be checked here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.messages.run_text import unknown_acts
from bot.messages.story_views import StepTexts
from bot.runs.budget_gate import at_its_limit, not_granted
from bot.runs.by_hand import ending_of, is_by_hand, what_it_was
from bot.runs.context import HISTORY_RUNS, context_of
from bot.runs.engine import CONFIRM_PATH, Engine, choice_of
from bot.runs.engine_parts import NullEventSink
from bot.runs.material import EARLIER_RUNS
from bot.runs.model_allowlist import restricted
from bot.runs.outcome import RunOutcome
from bot.runs.replay_found import MONEY, Found, decided_anew, kept_outcome, never_stored
from bot.runs.replayed_money import Difference, money_differences, replayed_nusd
from bot.runs.replayed_ports import CutShortError, ReplayPorts
from bot.runs.run_setup import ANSWERED_BY, Setup, is_setup, setups_in, stand_in
from bot.runs.step_names import place_in
from bot.runs.told_price import PRICE_PATH
from patterns.core.context import TaskContext
from patterns.core.errors import CancelledRunError, ParkedError, RosterError, StorageError, UserError
from patterns.core.events import PatternResult, StopReason
from patterns.core.ports import ModelClient
from patterns.core.tools import ToolRules
from patterns.flow import PLAN, Plan, resolve, run_flow
from patterns.models.client import LiteLLMClient
from patterns.replay import Rebuilt, ReplayRunner, steps_by_agent
from patterns.roster.roster import Roster
from patterns.services import Services, open_services
from patterns.tools.dry_run import noted
from patterns.tools.sources import offered_tools, with_known_links
from storage.execution.texts import RunTexts, read_texts
from storage.run_rows import RunRow
from storage.run_story import RunStory
from storage.threads import Threads

REPLAY_S = 10
"""Seconds; a replay reads memory, so one that takes longer waits for something that never comes."""
DELETED_BEFORE = (
    "Deleted: what was said before it in its thread. So only the money can be replayed, and the decisions cannot."
)
NOT_HERE = "Cannot be checked here: "
OTHER_PRICE = (
    f"{NOT_HERE}the price it was told, because it did not keep which models stood behind the roster's names, and those "
    "of today have other prices."
)
NO_PROMPT = "Its prompt cannot be rebuilt, because texts it was made of are no longer stored."
NO_ROSTER = "Its prompt cannot be rebuilt here, because the roster it ran under cannot be read."
NOT_ITS_OWN = "Its prompt is not shown: a shell command made it, and it is no part of the run."
STOPPED = PatternResult(output="", stop_reason=StopReason.CANCELLED)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found. `unknown` are sentences on what is not stored, and so can neither be replayed nor compared.

    `decisions` and `steps` were computed again and came out the same, apart from `differences`; `cost_nusd` is the sum
    of all bills, computed again from usage and rates. `prompts` are the rebuilt prompts by path.
    """

    story: RunStory
    decisions: int
    steps: int
    cost_nusd: int
    differences: tuple[Difference, ...] = ()
    unknown: tuple[str, ...] = ()
    prompts: Mapping[str, Rebuilt] = field(default_factory=dict)
    no_prompt: str = NO_PROMPT
    """Why a prompt that could not be rebuilt is missing."""

    @property
    def is_same(self) -> bool:
        """Return whether everything that is stored came out the same."""
        return not self.differences

    def texts(self) -> dict[str, StepTexts]:
        """Return what each step was given and said, with a note where that is not known."""
        return {step.path: self._texts(step.path) for step in self.story.steps}

    def _texts(self, path: str) -> StepTexts:
        step, rebuilt = self.story.step(path), self.prompts.get(path)
        record = step.record if step else None
        note = self.no_prompt
        prompt: tuple[tuple[str, str], ...] = ()
        if rebuilt is not None and (rebuilt.is_same or not rebuilt.is_finished):
            prompt = tuple((message.role, message.content) for message in rebuilt.messages)
            note = ""
        output_note = "It left no text." if record is None or not record.text else ""
        if step is not None and step.is_forgotten:
            output_note = "Its text was deleted."
        return StepTexts(prompt, note, record.text if record else "", output_note)


class Replayer:
    """Replays runs of one database; it writes nothing and calls nobody."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clients: list[tuple[Mapping[str, object], LiteLLMClient]] = []

    async def replay(self, story: RunStory) -> Replay:
        """Return what replaying the run comes to."""
        money, unknown = tuple(money_differences(story)), tuple(never_stored(story))
        if story.forgotten:
            what = ", ".join("the request" if path == "request" else place_in(story, path) for path in story.forgotten)
            gone = f"Deleted: {what}. So only the money can be replayed, and the decisions cannot."
            return Replay(story, 0, 0, replayed_nusd(story), money, (gone, *unknown))
        if is_by_hand(story):
            return _by_hand(story, money, unknown)
        try:
            found = await self._again(story)
        except (RosterError, StorageError) as error:
            why = f"{NOT_HERE}its decisions and prompts, because the roster it ran under cannot be read. {error}"
            return Replay(story, 0, 0, replayed_nusd(story), money, (why, *unknown), no_prompt=NO_ROSTER)
        again = (*found.ports.differences, *found.drifts(), *found.unreached(), *found.of_result())
        if again and story.deleted_before:
            # Its agents may have been shown what is gone, and nobody can tell.
            return Replay(story, 0, 0, replayed_nusd(story), money, (DELETED_BEFORE, *unknown))
        unsure = [OTHER_PRICE] if found.ports.has_other_price else []
        finished = sum(rebuilt.is_finished for rebuilt in found.runner.seen.values())
        return Replay(
            story, found.ports.compared, finished, replayed_nusd(story), (*again, *money),
            (*unsure, *unknown, *found.unknown), found.runner.seen,
        )  # fmt: skip

    async def _again(self, story: RunStory) -> Found:
        run, engine = story.run, self._engine
        threads = Threads(engine.db, engine.clock)
        first = await self._first(run)
        texts = await read_texts(
            engine.db, engine.store, threads, first, exchanges=HISTORY_RUNS, attachments=EARLIER_RUNS
        )
        setup = setup_of_price(story)
        roster, client, rules = await self._works_with(run, setup, texts)
        runner = ReplayRunner(client)
        ports = ReplayPorts(story, hidden=decided_anew(story), knows_prices=setup is not None)
        services = open_services(
            runner=runner, ledger=ports, journal=ports, decisions=ports, events=NullEventSink(), clock=engine.clock,
            roster=roster, payer=run.payer, fence=run.fence, tool_rules=rules,
        )  # fmt: skip
        services = replace(services, taken_over=taken_over(story))
        found = Found(story, runner, ports)
        try:
            async with asyncio.timeout(REPLAY_S):
                found.outcome = await self._outcome(found, context_of(run, texts), services)
        except ParkedError as error:
            asked = " and ".join(place_in(story, path) for path in error.paths)
            found.unknown.append(f"It ends where people are asked: {asked}.")
        except TimeoutError:
            lost = next((path for path, one in runner.seen.items() if not one.is_finished), "")
            ports.differences.append(Difference("step", lost, "is not in the journal, and the run went on behind it"))
        return found

    async def _works_with(
        self, run: RunRow, setup: Setup | None, texts: RunTexts
    ) -> tuple[Roster, ModelClient, ToolRules]:
        """Return the roster, the models and the tools that the run kept; of one that kept none, those of today.

        Raises:
            RosterError, StorageError: its roster cannot be read here.
        """
        roster = await self._engine.roster_read_back(run)
        if setup is None:
            roster = roster.with_models({name: stand_in(spec) for name, spec in roster.models.items()})
            allowed = restricted(await self._client(roster), roster.models, texts.channel_settings)
            return roster, allowed, (await self._engine.tools.of(run, roster))[1]
        roster = setup.roster(roster)
        return roster, await self._client(roster), replace(setup.tool_rules, dry=run.is_dry)

    async def _client(self, roster: Roster) -> LiteLLMClient:
        """Return a client for the models of a roster, the same for equal ones; it has no keys and sends nothing."""
        client = next((one for models, one in self._clients if models == roster.models), None)
        if client is None:
            client = LiteLLMClient(roster.models, {})
            self._clients.append((roster.models, client))
        await client.warm()
        return client

    async def _first(self, run: RunRow) -> RunRow:
        """Return the run whose thread and attachments this one worked on: itself, or the one it goes on from."""
        older = run.options.get("again_from")
        found = await self._engine.store.get(older["run"]) if older else None
        return await self._first(found) if found is not None else run

    async def _outcome(self, found: Found, ctx: TaskContext, services: Services) -> RunOutcome:
        """Return the outcome by the journal; raise ParkedError where people were asked and had not answered."""
        story = found.story
        run, kept = story.run, kept_outcome(story)
        try:
            result = await self._result(found, ctx, services)
        except CancelledRunError:
            result = STOPPED
        except CutShortError:
            found.is_cut = True
            result = kept.result if kept else STOPPED
        except ParkedError:
            if run.stop_reason != StopReason.CANCELLED:
                raise
            result = STOPPED
        except (UserError, RosterError) as error:
            result = PatternResult(output="", stop_reason=StopReason.FAILED, notes=(str(error),))
        if run.stop_reason == StopReason.CANCELLED and run.cancel_requested_by:
            result = STOPPED  # perhaps when its work was done and not yet told
        result = await self._with_unknown_acts(story, result) if not found.is_cut else result
        return RunOutcome(result=result, needed_nusd=kept.needed_nusd if kept else 0)

    async def _with_unknown_acts(self, story: RunStory, result: PatternResult) -> PatternResult:
        """Return the result with the note on calls of which nobody knows whether they were done, as the end adds it."""
        records = [step.record for step in (*story.decisions, *story.steps) if step.record is not None]
        unknown = await self._engine.store.unknown_acts(story.run.id) if offered_tools(records) else []
        notes = (*result.notes, unknown_acts(unknown)) if unknown else result.notes
        return result.model_copy(update={"notes": notes})

    async def _result(self, found: Found, ctx: TaskContext, services: Services) -> PatternResult:
        story = found.story
        run, kept = story.run, kept_outcome(story)
        if kept is not None and kept.needed_nusd and story.decision(PLAN) is None:
            return kept.result  # refused before it was planned
        plan = await resolve(ctx, services, choice_of(run), usual=lambda plan: self._engine.usual(services, plan))
        confirmed = await self._confirmed(found, ctx, services, plan)
        if isinstance(confirmed, PatternResult):
            return confirmed
        if kept is not None and kept.needed_nusd:
            return kept.result  # refused before it began
        result = await run_flow(ctx, services, confirmed)
        records = [step.record for step in (*story.decisions, *story.steps) if step.record is not None]
        known = with_known_links(result.output, ctx, records)
        return ended(story, noted(result.model_copy(update={"output": known}), dry=run.is_dry))

    async def _confirmed(self, found: Found, ctx: TaskContext, services: Services, plan: Plan) -> Plan | PatternResult:
        """Return the confirmed plan, or how the run ended without.

        Whether its price was asked about, a run that kept no prices tells itself.
        """
        run = found.story.run
        if setup_of_price(found.story) is not None:
            return await self._engine.confirm(run, ctx, services, plan)
        if not found.ports.was_asked(CONFIRM_PATH):
            return plan
        return await self._engine.ask_about_price(run, ctx, services, plan)


def setup_of_price(story: RunStory) -> Setup | None:
    """Return what the run worked with when its price was told; None when it kept that not."""
    told = next((step for step in story.decisions if step.path == PRICE_PATH), None)
    kept = [step for step in story.decisions if is_setup(step.path) and (told is None or step.at_us <= told.at_us)]
    found = setups_in(step.record for step in kept if step.record is not None)
    return found[-1] if found else None


def taken_over(story: RunStory) -> dict[str, int]:
    """Return by agent how many of its steps the run took over from the one it goes on from."""
    if not story.run.options.get("again_from"):
        return {}
    kept = [step.record for step in story.steps if step.record is not None and ANSWERED_BY in step.record.data]
    return steps_by_agent(kept)


def _by_hand(story: RunStory, money: tuple[Difference, ...], unknown: tuple[str, ...]) -> Replay:
    """Replay single calls of a shell command: there was no plan, so there are their money and their ending."""
    kept = kept_outcome(story)
    steps = sum(step.record is not None for step in story.steps)
    is_other = kept is not None and ending_of(story, kept.result) != kept.result
    differences = [Difference("result", "", "its ending came out differently")] if is_other else []
    said = (f"{what_it_was(story)} There was no plan, so its money and its ending are replayed.", *unknown)
    return Replay(story, 0, steps, replayed_nusd(story), (*differences, *money), said, no_prompt=NOT_ITS_OWN)


def ended(story: RunStory, result: PatternResult) -> PatternResult:
    """Return the result as the run's own money and its people left it."""
    asked = [one for one in story.questions if one.path.startswith(MONEY)]
    if asked and asked[-1].decision is not None and asked[-1].decision.verdict != "run":
        return not_granted(result)
    if result.stop_reason is StopReason.BUDGET and story.run.stop_reason == StopReason.LIMIT:
        return at_its_limit(result)
    return result

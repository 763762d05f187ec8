"""Replay a run from its journal: the same decisions and the same money, computed again, with nothing sent or written.

What cannot come out the same is named: a decision, a prompt, a sum. So is what was deleted or was never stored.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from bot.messages.story_views import StepTexts
from bot.runs.budget_gate import at_its_limit, not_granted
from bot.runs.context import HISTORY_RUNS, context_of
from bot.runs.engine import DECLINED, Engine, NullEventSink, choice_of
from bot.runs.material import EARLIER_RUNS
from bot.runs.model_allowlist import restricted
from bot.runs.outcome import RunOutcome
from bot.runs.replayed_money import Difference, money_differences, replayed_nusd
from bot.runs.replayed_ports import REFUSAL, UNTOLD, ReplayPorts
from patterns.core.context import TaskContext
from patterns.core.errors import CancelledRunError, ParkedError, RosterError, StorageError, UserError
from patterns.core.events import PatternResult, StopReason
from patterns.flow import PLAN, resolve, run_flow
from patterns.replay import Rebuilt, ReplayRunner
from patterns.roster.consistency import ROUTER
from patterns.router import ROUTE
from patterns.services import Services, join, open_services
from patterns.tools.dry_run import noted
from patterns.tools.sources import with_known_links
from storage.execution.texts import read_texts
from storage.run_rows import RunRow
from storage.run_story import RunStory
from storage.threads import Threads

REPLAY_S = 10
"""Seconds; a replay reads memory, so one that takes longer waits for something that never comes."""
MONEY = "money/"
DELETED_BEFORE = (
    "Deleted: what was said before it in its thread. So only the money can be replayed, and the decisions cannot."
)
OUTCOME = "outcome"
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
        note = "Its prompt cannot be rebuilt, because texts it was made of are no longer stored."
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

    async def replay(self, story: RunStory) -> Replay:
        """Return what replaying the run comes to."""
        money = tuple(money_differences(story))
        unknown = list(_never_stored(story))
        found: _Found | None = None
        if story.forgotten:
            what = ", ".join("the request" if path == "request" else path for path in story.forgotten)
            unknown.insert(0, f"Deleted: {what}. So only the money can be replayed, and the decisions cannot.")
        else:
            try:
                found = await self._again(story)
            except (RosterError, StorageError) as error:
                unknown.insert(
                    0, f"The roster it ran under cannot be read here, so only its money is replayed. {error}"
                )
        if found is None:
            return Replay(story, 0, 0, replayed_nusd(story), money, tuple(unknown))
        again = (*found.ports.differences, *found.drifts(), *found.unreached(), *found.of_result())
        if again and story.deleted_before:
            # Its agents may have been shown what is gone, and nobody can tell.
            return Replay(story, 0, 0, replayed_nusd(story), money, (DELETED_BEFORE, *unknown))
        differences = (*again, *money)
        finished = sum(rebuilt.is_finished for rebuilt in found.runner.seen.values())
        return Replay(
            story, found.ports.compared, finished, replayed_nusd(story), differences,
            (*unknown, *found.unknown), found.runner.seen,
        )  # fmt: skip

    async def _again(self, story: RunStory) -> "_Found":
        roster, client = await self._engine.roster_of(story.run)
        await client.warm()
        run, engine = story.run, self._engine
        threads = Threads(engine.db, engine.clock)
        first = await self._first(run)
        texts = await read_texts(
            engine.db, engine.store, threads, first, exchanges=HISTORY_RUNS, attachments=EARLIER_RUNS
        )
        allowed = restricted(client, roster.models, texts.channel_settings)
        runner, ports = ReplayRunner(allowed), ReplayPorts(story, hidden=_decided_anew(story))
        services = open_services(
            runner=runner, ledger=ports, journal=ports, decisions=ports, events=NullEventSink(), clock=engine.clock,
            roster=roster, payer=run.payer, fence=run.fence,
        )  # fmt: skip
        found = _Found(story, runner, ports)
        try:
            async with asyncio.timeout(REPLAY_S):
                found.outcome = await self._outcome(story, context_of(run, texts), services)
        except ParkedError as error:
            found.unknown.append(f"It ends where people were asked ({', '.join(error.paths)}).")
        except TimeoutError:
            lost = next((path for path, one in runner.seen.items() if not one.is_finished), "")
            ports.differences.append(Difference("step", lost, "is not in the journal, and the run went on behind it"))
        return found

    async def _first(self, run: RunRow) -> RunRow:
        """Return the run whose thread and attachments this one worked on: itself, or the one it goes on from."""
        older = run.options.get("again_from")
        found = await self._engine.store.get(older["run"]) if older else None
        return await self._first(found) if found is not None else run

    async def _outcome(self, story: RunStory, ctx: TaskContext, services: Services) -> RunOutcome:
        """Return the outcome by the journal; raise ParkedError where people were asked and had not answered."""
        run = story.run
        try:
            result = await self._result(story, ctx, services)
        except CancelledRunError:
            result = STOPPED
        except ParkedError:
            if run.stop_reason != StopReason.CANCELLED:
                raise
            result = STOPPED
        except (UserError, RosterError) as error:
            result = PatternResult(output="", stop_reason=StopReason.FAILED, notes=(str(error),))
        if run.stop_reason == StopReason.CANCELLED and run.cancel_requested_by:
            result = STOPPED  # perhaps when its work was done and not yet told
        kept = _kept(story)
        return RunOutcome(result=result, needed_nusd=kept.needed_nusd if kept else 0)

    async def _result(self, story: RunStory, ctx: TaskContext, services: Services) -> PatternResult:
        run, kept = story.run, _kept(story)
        plan = await resolve(ctx, services, choice_of(run), usual=lambda plan: self._engine.usual(services, plan))
        confirmed = await self._engine.confirm(run, ctx, services, plan)
        if confirmed is None:
            return DECLINED
        if kept is not None and kept.needed_nusd:
            return kept.result  # refused before it began
        result = await run_flow(ctx, services, confirmed)
        records = [step.record for step in (*story.decisions, *story.steps) if step.record is not None]
        known = with_known_links(result.output, ctx, records)
        return _ended(story, noted(result.model_copy(update={"output": known}), dry=run.is_dry))


@dataclass
class _Found:
    story: RunStory
    runner: ReplayRunner
    ports: ReplayPorts
    outcome: RunOutcome | None = None
    unknown: list[str] = field(default_factory=list)

    def drifts(self) -> list[Difference]:
        """Return the steps whose prompt does not come out as it was."""
        what = "its prompt is not the one it was given then, by its hash"
        seen = self.runner.seen.items()
        return [Difference("prompt", path, what) for path, one in seen if one.is_finished and not one.is_same]

    def unreached(self) -> list[Difference]:
        """Return what was done then and is not reached now; work that a grant of budget made needless is no matter."""
        kept = tuple(path.removesuffix(OUTCOME) for path in _checkpoints(self.story) if path in self.ports.reached)
        was_granted = any(asked.path.startswith(MONEY) for asked in self.story.questions)
        kept += tuple(f"{path}/" for path, one in self.runner.seen.items() if one.is_finished)  # its turns and calls
        left = [
            step
            for step in (*self.story.decisions, *self.story.steps)
            if step.record is not None
            and step.path not in self.ports.reached
            and not step.path.startswith((REFUSAL, *(kept if step.path not in _checkpoints(self.story) else ())))
        ]
        if was_granted or self.outcome is None:
            return []
        return [
            Difference(
                "decision" if step.record and step.record.outcome == "decision" else "step",
                step.path,
                "is not reached now",
            )
            for step in left
        ]

    def of_result(self) -> list[Difference]:
        """Compare the result, byte for byte, with the stored one; what a refused hold said is taken from there."""
        kept, now = self.story.result_json, self.outcome
        if kept is None or now is None or self.story.run.status != "done":
            return []
        then = RunOutcome.model_validate_json(kept)
        if UNTOLD in now.result.notes and len(now.result.notes) == len(then.result.notes):
            self.unknown.append(
                "What the ledger said when it refused is in the result alone, and was taken from there."
            )
            notes = tuple(
                said if again == UNTOLD else again
                for again, said in zip(now.result.notes, then.result.notes, strict=True)
            )
            now = now.model_copy(update={"result": now.result.model_copy(update={"notes": notes})})
        if now.model_dump_json() == kept:
            return []
        names = [name for name in PatternResult.model_fields if getattr(now.result, name) != getattr(then.result, name)]
        return [Difference("result", "", f"its {', '.join(names) or 'form'} came out differently")]


def _kept(story: RunStory) -> RunOutcome | None:
    return RunOutcome.model_validate_json(story.result_json) if story.result_json else None


def _decided_anew(story: RunStory) -> frozenset[str]:
    """Return the decisions that follow from what is journalled, so that they can be taken again."""
    choice = choice_of(story.run)
    routed = story.step(join(ROUTE, ROUTER))
    follows = bool(choice.flow or choice.agents) or (routed is not None and routed.record is not None)
    return frozenset({*({PLAN} if follows else ()), *filter(partial(_follows, story), _checkpoints(story))})


def _checkpoints(story: RunStory) -> list[str]:
    """Return the paths under which results of unfinished parts were kept, before later work depended on them."""
    return [step.path for step in story.decisions if step.path.endswith(f"/{OUTCOME}")]


def _follows(story: RunStory, checkpoint: str) -> bool:
    """Return whether a kept result follows from finished steps; what a limit or a stop cut short does not."""
    record, part = story.decision(checkpoint), checkpoint.removesuffix(OUTCOME)
    is_journalled = all(step.record is not None for step in story.steps if step.path.startswith(part))
    ended = PatternResult.model_validate_json(record.text).stop_reason if record and record.text else None
    return is_journalled and ended in (StopReason.FAILED, StopReason.PARTIAL)


def _ended(story: RunStory, result: PatternResult) -> PatternResult:
    """Return the result as the run's own money and its people left it."""
    asked = [one for one in story.questions if one.path.startswith(MONEY)]
    if asked and asked[-1].decision is not None and asked[-1].decision.verdict != "run":
        return not_granted(result)
    if result.stop_reason is StopReason.BUDGET and story.run.stop_reason == StopReason.LIMIT:
        return at_its_limit(result)
    return result


def _never_stored(story: RunStory) -> list[str]:
    """Return what no run keeps, where this one has it."""
    lost = sum(call.attempt > 0 and call.id != step.call_id for step in story.steps for call in step.calls)
    said = [
        f"{lost} of its attempts ended without an answer that was stored."
        if lost > 1
        else "One of its attempts ended without an answer that was stored."
    ]
    return said if lost else []

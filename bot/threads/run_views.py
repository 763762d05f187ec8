"""Views of a run, from its row, the journal and the ledger."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.messages.run_text import duration
from bot.messages.views import (
    AnswerView,
    DetailsView,
    Ended,
    ModelUse,
    RunState,
    RunView,
    StepState,
    StepView,
    ToolCallLine,
)
from bot.people.profiles import ProfileLookup
from bot.runs.budget_gate import refusal_of
from bot.runs.ending import obstacles, remedies_of
from bot.runs.engine import Engine, paid_steps
from bot.runs.material import Attachments
from bot.runs.outcome import RunOutcome
from bot.runs.run_setup import ModelNames
from bot.runs.tool_lines import arguments_in_a_line, would_call
from bot.threads.attachments import AttachmentCollector
from bot.threads.progress import ProgressBoard, step_label
from patterns.core.events import StopReason
from patterns.core.money import format_usd
from patterns.core.reasons import Reason
from patterns.core.step_record import CACHED_TOKENS, StepRecord
from patterns.core.tools import TOOL_MODEL
from patterns.roster.consistency import ROUTER
from patterns.tools.sources import ToolUse, offered_tools, sources_of, tool_uses
from storage.preferences import Preferences
from storage.run_rows import RunRow

LONG_RUN_S = 60


def step_view(step: StepRecord) -> StepView:
    """Return a finished step of the journal as the details show it."""
    is_ok = step.outcome == "ok"
    return StepView(
        path=step.path,
        label=step_label(step.path, step.agent),
        state=StepState.DONE if is_ok else StepState.FAILED,
        agent=step.agent,
        elapsed_s=step.elapsed_ms / 1000,
        cost_nusd=step.spent_nusd,
        note="" if is_ok else Reason(step.reason).clause(),
    )


def call_line(use: ToolUse, *, approved_by: str) -> ToolCallLine:
    """Return a call of a tool as the details show it; what looks like a secret in its arguments is masked."""
    ended: Ended = ""
    if use.would_cost_nusd is not None:
        ended = "dry run"
    elif use.said == "done":
        ended = "said done"
    elif use.uncertain_nusd or use.said:
        ended = "unknown"
    elif not use.was_made:
        ended = "not made"
    elif use.is_error:
        ended = "failed"
    return ToolCallLine(
        use.agent,
        use.tool,
        arguments_in_a_line(use.arguments),
        use.elapsed_ms / 1000,
        use.bytes_read,
        use.cost_nusd,
        approved_by,
        ended,
    )


def models_used(
    money: Sequence[Mapping[str, Any]], steps: Sequence[StepRecord], known: ModelNames
) -> tuple[ModelUse, ...]:
    """Return what each model used and cost, once under the name its provider gives it.

    The ledger keeps the roster's alias, which says little to others than its author; two may be one model.
    """
    used: dict[str, ModelUse] = {}
    for row in money:
        alias = row["model"]
        is_tool = alias.startswith(TOOL_MODEL)
        name = alias.removeprefix(TOOL_MODEL) if is_tool else known.of_model(alias)
        mine = [step for step in steps if step.model == alias]
        before = used.get(name, ModelUse(name, 0, 0, 0, 0))
        used[name] = ModelUse(
            name,
            calls=before.calls + row["calls"],
            input_tokens=before.input_tokens + sum(step.input_tokens for step in mine),
            output_tokens=before.output_tokens + sum(step.output_tokens for step in mine),
            cost_nusd=before.cost_nusd + row["cost_nusd"],
            is_tool=is_tool,
            cached_tokens=before.cached_tokens + sum(int(step.data.get(CACHED_TOKENS, 0)) for step in mine),
        )
    return tuple(sorted(used.values(), key=lambda one: one.is_tool))


@dataclass(frozen=True, slots=True)
class RunViews:
    """Builds the views of runs."""

    engine: Engine
    profiles: ProfileLookup
    attachments: AttachmentCollector
    progress: ProgressBoard
    preferences: Preferences

    async def answer(self, run: RunRow, outcome: RunOutcome) -> AnswerView:
        """Return the outcome's view with everything the ledger knows of it."""
        seconds = run.executed_ms / 1000
        # Asked together, they are one trip to the database.
        journal, money, view, owner, mention_asker = await asyncio.gather(
            self.engine.journal.steps(run.id),
            self.engine.store.cost_by_model(run.id),
            self.view(run, outcome.state, is_over=True),
            self.profiles.owner(run.workspace),
            self._mentions_asker(run, seconds),
        )
        steps = paid_steps(journal)
        refused_by, closed = refusal_of(journal)
        cost_nusd = sum(row["cost_nusd"] for row in money)
        was_stopped = outcome.result.stop_reason is StopReason.CANCELLED
        shown = self.progress.view(run.id)
        done = sum(step.outcome == "ok" for step in steps)
        line = f"{format_usd(cost_nusd)} · {duration(seconds)}"
        return AnswerView(
            run=replace(view, outcome_line=line),
            result=outcome.result.model_copy(update={"cost_nusd": cost_nusd}),
            seconds=seconds,
            agents_count=len({step.agent for step in steps} - {"", ROUTER}),
            steps_done=done,
            steps_total=max(done + len(outcome.result.missing), len(shown.steps) if shown else len(steps)),
            # A stop by a person is not an alarm.
            uncertain_nusd=0 if was_stopped else sum(row["uncertain_nusd"] for row in money),
            owner=owner,
            mention_asker=mention_asker,
            refused_by=refused_by,
            closed=closed,
            remedies=remedies_of(obstacles(outcome, journal)),
            sources=sources_of(journal) if outcome.result.output else (),
            had_tools=offered_tools(journal) and bool(outcome.result.output),
            would_call=would_call(journal) if run.is_dry else (),
        )

    async def _mentions_asker(self, run: RunRow, seconds: float) -> bool:
        """Return whether to mention who asked: after a wait, unless they switched that off.

        A message of the person's own brings them the answer as a reply; a command does not.
        """
        if seconds <= LONG_RUN_S or run.options.get("message_ts"):
            return False
        return await self.preferences.is_mentioned(run.workspace, run.user)

    async def details(self, run: RunRow) -> DetailsView:
        """Return the content behind the Details button."""
        journal = await self.engine.journal.steps(run.id)
        steps, turns = paid_steps(journal), [step for step in journal if step.outcome != "decision"]
        money = await self.engine.store.cost_by_model(run.id)
        models = models_used(money, turns, ModelNames.of(journal))
        shown = tuple(step_view(step) for step in steps)
        state = RunState.DONE if run.status == "done" else RunState.RUNNING
        cost_nusd = sum(model.cost_nusd for model in models)
        kept = await self.engine.store.text(run.id, "result")
        return DetailsView(
            await self.view(run, state),
            run.executed_ms / 1000,
            cost_nusd,
            models,
            shown,
            calls=tuple([await self._call(use, run.workspace) for use in tool_uses(journal)]),
            missing=RunOutcome.model_validate_json(kept).result.missing if kept else (),
            uncertain_nusd=sum(row["uncertain_nusd"] for row in money),
            owner=await self.profiles.owner(run.workspace),
        )

    async def _call(self, use: ToolUse, workspace: str) -> ToolCallLine:
        """Return a call of a tool as the details show it, with the name of whoever approved it."""
        by = (await self.profiles.person(use.approved_by, workspace)).name if use.approved_by else ""
        return call_line(use, approved_by=by)

    async def view(self, run: RunRow, state: RunState, *, is_over: bool = False) -> RunView:
        """Return a run as people see it; of one that is over, with the balance as it is when nothing is held for it."""
        asker, request, balance, price, came = await asyncio.gather(
            self.profiles.person(run.user, run.workspace),
            self.engine.store.text(run.id, "request"),
            self.profiles.balance(run.payer, ended_run=run.id if is_over else ""),
            self.engine.told_price(run),
            self.attachments.kept(run.id),
        )
        return RunView(
            run_id=run.id,
            channel=run.channel,
            asker=asker,
            request=request or "(deleted)",
            state=state,
            thread_ts=run.thread_ts,
            flow=run.flow,
            balance=balance,
            price=price,
            material=came.read_words,
            left_out=await self._left_out(run, came),
            model_note=self.engine.model_note,
            play_money=self.profiles.is_play_money,
            scripted=bool(self.engine.choice and self.engine.choice.script),
            dry=run.is_dry,
        )

    async def _left_out(self, run: RunRow, came: Attachments) -> str:
        """Return what was not read, and for which agents pictures were left out, in sentences."""
        said = list(came.left_out)
        if came.pictures:
            steps = paid_steps(await self.engine.journal.steps(run.id))
            blind = sorted({step.agent for step in steps if step.outcome == "ok" and self._is_blind(step)})
            whose = f"{', '.join(blind)}, whose model sees no pictures"
            said += [f"Left out for {whose}: {', '.join(came.pictures)}."] if blind else []
        return " ".join(said)

    def _is_blind(self, step: StepRecord) -> bool:
        """Return True when the step's prompt shows attachments to a model without vision."""
        roster = self.engine.roster
        spec, model = roster.agents.get(step.agent), roster.models.get(step.model)
        shown = spec is not None and "artifacts" in roster.prompts[spec.prompt].slots
        return shown and model is not None and not model.sees_images

"""The context agents see of a run: request, earlier exchanges of the thread, attachments."""

from collections.abc import Sequence

from bot.runs.material import artifacts_of
from bot.runs.outcome import RunOutcome
from patterns.core.context import TaskContext, Turn
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.tools.dry_run import NOTE, was_dry
from storage.execution.texts import RunTexts
from storage.run_rows import RunRow

HISTORY_RUNS = 10
"""Number of earlier exchanges of a thread that a follow-up may see."""


def context_of(run: RunRow, texts: RunTexts) -> TaskContext:
    """Return the frozen context of a run.

    Raises:
        UserError: its text has been deleted.
    """
    request = texts.request
    if request is None:
        raise UserError("The text of this request has been deleted, so it cannot be continued.")
    return TaskContext(
        run_id=run.id,
        workspace=run.workspace,
        channel=run.channel,
        channel_kind=run.channel_kind,
        thread=run.thread_ts,
        user=run.user,
        request=request,
        history=_history([one for one in texts.exchanges if not _is_try(run, request, one)]),
        artifacts=artifacts_of(texts.attachments, kept_files=texts.files),
    )


def payer_context(payer: Payer, *, run_id: str, request: str = "") -> TaskContext:
    """Return the context of work that stands in no thread: a quote, a trial, a check from a shell."""
    return TaskContext(
        run_id=run_id,
        workspace=payer.workspace,
        channel=payer.channel,
        channel_kind=payer.channel_kind,
        thread="",
        user=payer.user,
        request=request,
    )


def follows_dry_run(run: RunRow, texts: RunTexts) -> bool:
    """Return whether the request before in the thread was a dry run, and this one is none."""
    if run.is_dry or not texts.exchanges:
        return False
    return was_dry(RunOutcome.model_validate_json(texts.exchanges[-1][1]).result)


def _is_try(run: RunRow, request: str, earlier: tuple[str, str]) -> bool:
    """Return True for an earlier try of a request that is asked again: it is no part of the conversation."""
    return bool(run.options.get("again_of")) and earlier[0] == request


def _history(earlier: Sequence[tuple[str, str]]) -> tuple[Turn, ...]:
    """Return our own transcript of the thread; the prompts' slots bound how much of it agents see."""
    turns: list[Turn] = []
    for request, kept in earlier:
        result = RunOutcome.model_validate_json(kept).result
        answer = f"({NOTE})\n\n{result.output}" if was_dry(result) and result.output else result.output
        turns += [Turn(role="user", text=request), *([Turn(role="assistant", text=answer)] if answer else [])]
    return tuple(turns)

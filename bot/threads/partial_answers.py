"""Partial answers of a run that lacks budget: whatever follows, no text appears twice in its thread."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count

import structlog

from bot.messages.notice_views import NoticeView
from bot.messages.renderer import Renderer
from bot.messages.views import AnswerView
from bot.runs.budget_gate import request_path
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from bot.threads.rendering import rendered
from patterns.core.events import PatternResult
from storage.outbox import Outbox
from storage.questions import Questions, StoredQuestion
from storage.run_rows import RunRow

log = structlog.get_logger()

FOLDED = "⤵️ The partial answer that stood here is replaced by the full one below."


@dataclass(frozen=True, slots=True)
class PartialAnswers:
    """Posts partial answers, and folds those that a fuller one replaces."""

    questions: Questions
    slack: Slack
    outbox: Outbox
    renderer: Renderer

    async def post(self, run: RunRow, path: str, answer: AnswerView) -> None:
        """Post the partial answer before more budget is asked for, unless it was posted already.

        Raises:
            SlackError: the rest of it is owed until the next try.
        """
        if await self.is_posted(run, answer.result.output, but=path):
            return
        await self.fold(run, but=path)
        messages = await rendered(len(answer.result.output), lambda: self.renderer.answer(answer))
        for number, message in enumerate(messages):
            await self.slack.of(run.workspace).post_once(
                run.id, _name(path, number), channel=run.channel, message=message, thread_ts=run.thread_ts
            )

    async def is_posted(self, run: RunRow, text: str, *, but: str = "") -> bool:
        """Return True when a text is in the thread as the partial answer of another request for budget than `but`."""
        async for asked in self._requests(run, but):
            if PatternResult.model_validate_json(asked.question.draft).output == text:
                return True
        return False

    async def fold(self, run: RunRow, *, but: str = "") -> None:
        """Replace posted partial answers by a line; a view is never worth failing a run."""
        async for asked in self._requests(run, but):
            try:
                await self._fold(run, asked.path)
            except SlackError as error:
                log.info("partial_answer_not_folded", run=run.id, code=error.code)

    async def _fold(self, run: RunRow, path: str) -> None:
        out = self.slack.of(run.workspace)
        for number in count():
            ts = await self.outbox.find(run.id, _name(path, number))
            if ts is None:
                return
            if number:
                await out.call("chat.delete", channel=run.channel, ts=ts)
            else:
                await out.update(channel=run.channel, ts=ts, message=self.renderer.message(NoticeView(FOLDED)))

    async def _requests(self, run: RunRow, but: str) -> AsyncIterator[StoredQuestion]:
        """Yield the requests for budget that have a partial answer in the thread, oldest first."""
        if not any(name.startswith(_PARTIAL) for name in await self.outbox.posted_names(run.id)):
            return
        for number in count(1):
            asked = await self.questions.find(run.id, request_path(number))
            if asked is None:
                return
            if asked.path != but and await self.outbox.find(run.id, _name(asked.path, 0)) is not None:
                yield asked


_PARTIAL = "partial/"


def _name(path: str, number: int) -> str:
    return f"{_PARTIAL}{path}/{number}"

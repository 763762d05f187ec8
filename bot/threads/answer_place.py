"""Where an answer goes when its thread is not what it was: nowhere when the request was deleted, else to the asker.

Slack posts a reply to a deleted message loose into the channel, for everybody and without what it answers. In a channel
that is archived or gone, or that we were removed from, nothing can be posted at all.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from bot.messages.views import SlackMessage
from bot.slack.errors import SlackError
from bot.slack.turns import Rank
from bot.slack.workspaces import Slack
from bot.threads.answer_file import FROM_MESSAGES, post_answer_file
from bot.threads.edits import PROGRESS, QUEUED, ROOT
from bot.threads.streaming import AnswerStreams
from patterns.core.ports import Clock
from storage.outbox import Outbox
from storage.run_rows import RunRow

log = structlog.get_logger()

NEW_POST_AFTER_S = 20.0
"""An answer that comes later than this after the plan is a message of its own, which notifies whoever waits."""
WITHDRAWN, ROOT_GONE, CHANNEL_LOST = "withdrawn", "root gone", "channel lost"
"""Names of outbox rows that are never posted: what was found out about a run, kept over crashes."""
_GONE = frozenset({"message_not_found", "thread_not_found"})
_LOST = frozenset({"not_in_channel", "archived", "missing_scope"})
"""Kinds of refusals that hold for whatever we post in the channel."""
_INTRO = "The message of your request was deleted, so here is what came of it."
_INTRO_LOST = "I cannot post in <#{channel}> any more, so here is what came of your request there."


@dataclass(frozen=True, slots=True)
class AnswerPlace:
    """Decides once, and keeps for every later attempt, whether and where an answer is posted; and posts it there."""

    slack: Slack
    outbox: Outbox
    streams: AnswerStreams
    clock: Clock

    async def post(self, run: RunRow, messages: Sequence[SlackMessage], text: str) -> int:
        """Post the answer's messages, and its text as a file when they are many; return how many streamed ones it used.

        Raises:
            SlackError: the rest is owed until the next try.
        """
        try:
            return await self._post(run, await self.of(run), messages, text)
        except SlackError as error:
            if error.kind not in _LOST or run.channel_kind == "dm" or await self.outbox.exists(run.id, CHANNEL_LOST):
                raise
            log.warning("channel_lost", run=run.id, code=error.code)
        await self._keep(run, CHANNEL_LOST)
        return await self._post(run, await self.of(run), messages, text)

    async def _post(self, run: RunRow, place: RunRow, messages: Sequence[SlackMessage], text: str) -> int:
        for number, message in enumerate(messages):
            name = f"answer/{number}"
            if number == len(messages) - 1 >= FROM_MESSAGES:
                await post_answer_file(self.slack, self.outbox, place, text)
            if place is run and await self.streams.replace(run, name, message, number=number):
                continue
            if place is run and not number and await self._replace_plan(run, name, message):
                continue
            shown = message
            if place is not run and not number:
                shown = _introduced(message, await self._intro(run))
            await self.slack.of(run.workspace).post_once(
                run.id,
                name,
                channel=place.channel,
                message=shown,
                thread_ts=place.thread_ts or None,
                rank=Rank.ENDS,
            )
        return len(messages) if place is run else 0

    async def _replace_plan(self, run: RunRow, name: str, message: SlackMessage) -> bool:
        """Turn the plan into the answer, where that is soon enough to be seen; return False when it has to be posted.

        An edit notifies nobody, and stands above what was posted after the plan. Slack has less room for edits than for
        posts. A run that had another owner, who may still wake up and edit the plan, gets an answer out of its reach.
        """
        plan_ts, posted = await asyncio.gather(self.outbox.find(run.id, PROGRESS), self.outbox.posted_names(run.id))
        if plan_ts is None or run.epoch > 1 or self._age_s(plan_ts) > NEW_POST_AFTER_S:
            return False
        if not {*posted} <= {ROOT, PROGRESS, QUEUED}:
            return False
        state, ts = await self.outbox.add_intent(run.id, name, run.channel)
        if state in {"posted", "abandoned"}:
            return state == "posted" and ts == plan_ts
        try:
            is_edited = await self.slack.of(run.workspace).update_if_room(
                channel=run.channel, ts=plan_ts, render=lambda: message
            )
        except SlackError as error:
            if error.kind not in {"gone", "refused"}:
                raise
            log.info("plan_not_replaced", run=run.id, code=error.code)
            is_edited = False
        if is_edited:
            await self.outbox.mark_posted(run.id, name, plan_ts)
        else:
            self.outbox.note_committed(run.id, name)
        return is_edited

    def _age_s(self, ts: str) -> float:
        return self.clock.now_us() / 1_000_000 - float(ts)

    async def drop(self, run: RunRow) -> None:
        """Give up what is owed of a withdrawn run's answer."""
        for name in await self.outbox.unposted_names(run.id):
            if name.startswith("answer/"):
                await self.outbox.mark_abandoned(run.id, name)

    async def withdraw(self, run: RunRow) -> None:
        """Record that the run's request was deleted by its author: nothing of it is delivered any more."""
        await self._keep(run, WITHDRAWN)

    async def is_withdrawn(self, run: RunRow) -> bool:
        """Return True when nothing may be delivered."""
        return await self.outbox.exists_by_now(run.id, WITHDRAWN)

    async def of(self, run: RunRow) -> RunRow:
        """Return the run as its answer is to be posted: in its thread, or in the asker's direct messages.

        Raises:
            SlackError: those cannot be opened.
        """
        if await self.outbox.exists(run.id, CHANNEL_LOST):
            return await self._direct(run)
        if not run.root_ts or run.thread_ts != run.root_ts:
            return run  # the thread is not ours, or there is none
        is_gone, answer_ts = await asyncio.gather(
            self.outbox.exists(run.id, ROOT_GONE), self.outbox.find(run.id, "answer/0")
        )
        if not is_gone:
            if answer_ts is not None or not await self._is_gone(run):
                return run
            await self._settle_loose(run)
            await self._keep(run, ROOT_GONE)
            log.info("root_gone", run=run.id)
        return await self._direct(run)

    async def _direct(self, run: RunRow) -> RunRow:
        dm = await self.slack.of(run.workspace).open_dm(run.user)
        return replace(run, channel=dm, thread_ts="")

    async def _intro(self, run: RunRow) -> str:
        """Return why the answer comes directly."""
        is_lost = await self.outbox.exists(run.id, CHANNEL_LOST)
        return _INTRO_LOST.format(channel=run.channel) if is_lost else _INTRO

    async def _is_gone(self, run: RunRow) -> bool:
        try:
            await self.slack.of(run.workspace).call("chat.getPermalink", channel=run.channel, message_ts=run.root_ts)
        except SlackError as error:
            return error.code in _GONE
        return False

    async def _settle_loose(self, run: RunRow) -> None:
        """Find what an earlier attempt posted although its response was lost: it must not come twice."""
        out = self.slack.of(run.workspace)
        for name in await self.outbox.unposted_names(run.id):
            if name.startswith("answer/") and not self.outbox.is_unattempted(run.id, name):
                ts = await out.find(run.id, name, channel=run.channel)
                if ts is not None:
                    await self.outbox.mark_posted(run.id, name, ts)

    async def _keep(self, run: RunRow, name: str) -> None:
        await self.outbox.add_intent(run.id, name, run.channel)
        await self.outbox.mark_abandoned(run.id, name)


def _introduced(message: SlackMessage, intro: str) -> SlackMessage:
    """Return the first message of an answer with the reason why it comes directly."""
    block = {"type": "section", "text": {"type": "mrkdwn", "text": intro}}
    return SlackMessage(f"{intro}\n\n{message.text}", (block, *message.blocks) if message.blocks else ())

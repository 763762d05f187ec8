"""Answers shown while they are generated, in direct messages, where Slack can stream.

A stream is a preview: the finished answer replaces its messages, or is posted normally where there is none. So a crash,
a lost append or a stream closed by Slack costs only the preview.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import structlog

from bot.messages.mrkdwn import clip, literal
from bot.messages.pagination import finished_markdown
from bot.messages.views import SlackMessage
from bot.slack.errors import UNSUPPORTED, SlackError
from bot.slack.workspaces import Slack
from bot.threads.rendering import rendered
from patterns.core.events import TextDelta, TextWithdrawn
from patterns.core.ports import Clock
from storage.outbox import Outbox
from storage.run_rows import RunRow

log = structlog.get_logger()

APPEND_INTERVAL_S = 1.0
ROLL_OVER_S = 240.0
"""Seconds; Slack closes a stream after about five minutes."""
STREAM_CHARS = 11_000
"""Characters per message; Slack accepts 12,000 per call and per Markdown message."""
Session = Literal["processing", "suspended", "active"]
TITLE_CHARS = 200
_CLOSED = frozenset({"message_not_in_streaming_state", "message_not_found"})


@dataclass(slots=True)
class _Stream:
    """The preview of one run: `sent` is what Slack has of the answer, `ts` the message that is still open."""

    run: RunRow
    pieces: list[str] = field(default_factory=list)
    sent: str = ""
    agent: str = ""
    ts: str = ""
    began_s: float = 0.0
    began_at: int = 0
    number: int = 0
    closed: bool = False
    is_withdrawn: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    follower: asyncio.Task[None] | None = None


class AnswerStreams:
    """The streams of one process. `write` receives every text event and ignores those without an open stream."""

    def __init__(self, slack: Slack, outbox: Outbox, clock: Clock) -> None:
        self._slack = slack
        self._outbox = outbox
        self._clock = clock
        self._open: dict[str, _Stream] = {}
        self._ended: set[str] = set()
        self._without_streams: set[str] = set()
        self._without_sessions: set[str] = set()

    def may(self, run: RunRow) -> bool:
        """Return True when the answer of a run should be streamed."""
        return run.channel_kind == "dm" and run.workspace not in self._without_streams

    def open(self, run: RunRow) -> None:
        """Prepare for the run's text; nothing is posted before there is some."""
        if (left := self._open.pop(run.id, None)) is not None:
            # An earlier attempt of this process, from before another one claimed the run.
            left.closed = True
            left.changed.set()
        if self.may(run):
            stream = self._open[run.id] = _Stream(run)
            stream.follower = asyncio.create_task(self._follow(stream), name=f"stream {run.id}")

    def write(self, run_id: str, event: TextDelta | TextWithdrawn) -> None:
        """Add a piece of the answer, or take all of them away; Slack is told in the background."""
        if (stream := self._open.get(run_id)) is None:
            return
        stream.agent = event.path.rsplit("/", 1)[-1]
        if isinstance(event, TextDelta):
            stream.pieces.append(event.text)
        else:
            stream.pieces, stream.is_withdrawn = [], True
        stream.changed.set()

    async def close(self, run_id: str) -> None:
        """End the stream: no more text will come. Waits at most one interval and the current call."""
        stream = self._open.pop(run_id, None)
        if stream is None or stream.follower is None:
            return
        stream.closed = True
        stream.changed.set()
        await stream.follower

    async def aclose(self) -> None:
        """End all streams; their runs continue in the next process."""
        for run_id in list(self._open):
            await self.close(run_id)

    async def replace(self, run: RunRow, name: str, message: SlackMessage, *, number: int) -> bool:
        """Replace the stream's message of that number by the named message; return False when there is none.

        Raises:
            SlackError: it has to wait for the next try.
        """
        ts = await self._outbox.find(run.id, f"stream/{number}") if run.channel_kind == "dm" else None
        if ts is None:
            return False
        state, _ts = await self._outbox.add_intent(run.id, name, run.channel)
        if state in {"posted", "abandoned"}:
            return state == "posted"
        try:
            await self._stop(run, ts)
            await self._slack.of(run.workspace).update(channel=run.channel, ts=ts, message=message)
        except SlackError as error:
            if error.kind not in {"gone", "refused"}:
                raise
            log.info("stream_not_replaced", run=run.id, code=error.code)
            await self._delete(run, ts)
            return False
        await self._outbox.mark_posted(run.id, name, ts)
        return True

    async def discard(self, run: RunRow, *, first: int = 0) -> None:
        """Delete the stream's messages that are not part of the answer."""
        for number in count(first) if run.channel_kind == "dm" else ():
            ts = await self._outbox.find(run.id, f"stream/{number}")
            if ts is None:
                # A start that a crash kept from being recorded must not look like an owed message.
                await self._outbox.mark_abandoned(run.id, f"stream/{number}")
                return
            await self._delete(run, ts)

    async def _delete(self, run: RunRow, ts: str) -> None:
        try:
            await self._stop(run, ts)
            await self._slack.of(run.workspace).call("chat.delete", channel=run.channel, ts=ts)
        except SlackError as error:
            log.info("stream_not_deleted", run=run.id, code=error.code)

    async def session(self, run: RunRow, status: Session, *, title: str = "") -> None:
        """Show the status in the agent view; a view is never worth failing a run.

        Slack accepts a title only with the first status of a thread, so only a run that opened its thread gives one.
        """
        if run.channel_kind != "dm" or run.workspace in self._without_sessions:
            return
        opened_it = run.thread_ts in {run.root_ts, run.options.get("message_ts")}
        named = {"title": clip(literal(" ".join(title.split())), TITLE_CHARS)} if opened_it and title.strip() else {}
        place = {"channel_id": run.channel, "thread_ts": run.thread_ts}
        try:
            await self._slack.of(run.workspace).call("agents.sessions.setStatus", **place, status=status, **named)
        except SlackError as error:
            if error.code in UNSUPPORTED:
                self._without_sessions.add(run.workspace)
            log.info("agent_status_not_set", run=run.id, code=error.code)

    # ------------------------------------------------------------ sending

    async def _follow(self, stream: _Stream) -> None:
        """Send new text, at most once an interval, until the stream ends or fails."""
        try:
            while not stream.closed:
                await stream.changed.wait()
                stream.changed.clear()
                if stream.is_withdrawn:
                    await self._withdraw(stream)
                if not stream.closed:
                    await self._send(stream)
                    await self._clock.sleep(APPEND_INTERVAL_S)
            if stream.ts:
                await self._end(stream)
        except SlackError as error:
            is_for_good = error.code in UNSUPPORTED
            if is_for_good:
                self._without_streams.add(stream.run.workspace)
            log.info("stream_abandoned", run=stream.run.id, code=error.code, for_good=is_for_good)
        except Exception:
            log.exception("stream_failed", run=stream.run.id)

    async def _send(self, stream: _Stream) -> None:
        """Bring Slack up to the last finished paragraph. Text already sent must not have changed."""
        text = "".join(stream.pieces)
        stream.pieces = [text]
        written = await rendered(len(text), lambda: finished_markdown(text))
        if stream.is_withdrawn or not written.startswith(stream.sent):
            return
        piece = written[len(stream.sent) :][:STREAM_CHARS]
        if not piece:
            return
        is_old = self._clock.monotonic() - stream.began_s > ROLL_OVER_S
        if stream.ts and (is_old or len(stream.sent) + len(piece) - stream.began_at > STREAM_CHARS):
            await self._end(stream)
        chunk = {"type": "markdown_text", "text": piece}
        try:
            if stream.ts:
                await self._slack.of(stream.run.workspace).send(
                    "chat.appendStream", channel=stream.run.channel, ts=stream.ts, chunks=[chunk]
                )
        except SlackError as error:
            if error.code not in _CLOSED:
                raise
            stream.ts = ""
        if not stream.ts:
            await self._start(stream, chunk)
        stream.sent += piece

    async def _withdraw(self, stream: _Stream) -> None:
        """Delete what stands of the preview: it was thinking. What follows begins a message of its own."""
        stream.is_withdrawn, stream.sent, stream.ts = False, "", ""
        for number in range(stream.number + 1):
            ts = await self._outbox.find(stream.run.id, f"stream/{number}")
            if ts is not None:
                await self._delete(stream.run, ts)

    async def _start(self, stream: _Stream, chunk: dict[str, Any]) -> None:
        """Start a message, recorded so that the answer finds it, with a card that names the agent."""
        run = stream.run
        while await self._outbox.find(run.id, f"stream/{stream.number}") is not None:
            stream.number += 1
        answer = await self._slack.of(run.workspace).send(
            "chat.startStream",
            channel=run.channel,
            thread_ts=run.thread_ts,
            chunks=[_task(stream, "in_progress"), chunk],
        )
        stream.ts, stream.began_s, stream.began_at = str(answer["ts"]), self._clock.monotonic(), len(stream.sent)
        await self._outbox.add_intent(run.id, f"stream/{stream.number}", run.channel)
        await self._outbox.mark_posted(run.id, f"stream/{stream.number}", stream.ts)

    async def _end(self, stream: _Stream) -> None:
        ts, stream.ts = stream.ts, ""
        await self._stop(stream.run, ts, chunks=[_task(stream, "complete")])
        self._ended.add(ts)

    async def _stop(self, run: RunRow, ts: str, **more: Any) -> None:  # noqa: ANN401 - Slack's own arguments
        """End the stream of a message. One that has ended already counts as ended."""
        if ts in self._ended:
            self._ended.discard(ts)
            return
        try:
            await self._slack.of(run.workspace).call("chat.stopStream", channel=run.channel, ts=ts, **more)
        except SlackError as error:
            if error.code not in _CLOSED:
                raise


def _task(stream: _Stream, status: str) -> dict[str, str]:
    return {"type": "task_update", "id": "answer", "title": f"{stream.agent} writes", "status": status}

"""A bot under steady work for a long time, and what that does to it: nobody dies, the provider misbehaves.

The people, the Slack and the counting are those of the storms in `tests.crash`; here the bot lives.
"""

import asyncio
import os
import subprocess
import sys
import time
from calendar import monthrange
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.database.migrate import migrate
from storage.ledger.verify import verify
from tests.crash.accounts import CUT_REASONS, Report, ask
from tests.crash.fleet import ROOT, Member, Start
from tests.crash.fleet import Process as Running
from tests.crash.run_storm import OPEN, Storm
from tests.crash.storm_slack import CHANNELS, StormSlack
from tests.fakes.slack_state import BOT_USER
from tests.soak import launcher
from tests.soak.measures import Process, Sample
from tests.soak.trouble import Trouble

SAMPLES = 40
"""Looks at the process in one soak, whatever its length."""
ACT_EVERY_S, FILE_EVERY_S = 1.5, 20.0
OPEN_MAX = 6
TURN = 0.5
"""The share of the soak after which the month ends."""
OWED = (
    "SELECT (SELECT COUNT(*) FROM inbox WHERE done_us IS NULL)"
    " + (SELECT COUNT(*) FROM slack_out WHERE state = 'intended') AS owed"
)
ANSWERED = (
    "SELECT slack_out.run_id, slack_out.at_us - run.created_us AS took_us FROM slack_out"
    " JOIN run ON run.id = slack_out.run_id"
    " WHERE slack_out.name = 'answer/0' AND slack_out.state = 'posted' AND run.flow = 'answer'"
    " AND slack_out.at_us > :since_us"
)
PERIODS = "SELECT DISTINCT period FROM account WHERE kind = 'channel' ORDER BY period"
FILE = b"The event store takes 40,000 writes a second and is read once a day.\n" * 200


class Soak(Storm):
    """A soak of so many seconds over SQLite in `folder`."""

    def __init__(self, folder: Path, *, seconds: float, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(f"sqlite:///{folder / 'agents.db'}", folder, seed=seed, crowd=OPEN_MAX, starter=_shifted)
        self.act_every_s, self.cut_reasons = ACT_EVERY_S, CUT_REASONS | {"server"}
        self._seconds = seconds
        self._offset_s = _until_next_month_s() - TURN * seconds
        self._acks_s: list[float] = []
        self._seen_us = 0
        self.samples: list[Sample] = []
        self.files = 0
        self.periods: tuple[str, ...] = ()

    async def last(self, watch: Callable[[Sample], None]) -> Report:
        """Work for the time, take samples on the way, let everything end, count; `watch` hears each sample."""
        await migrate(self._url)
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._slack.deliver = self._timed(self._slack)  # type: ignore[method-assign]
            [member] = self._members
            member.start(over_http=False)
            await member.ready()
            people = [asyncio.create_task(self._people()), asyncio.create_task(self._files())]
            self._begun_s = time.monotonic()
            for number in range(1, SAMPLES + 1):
                await asyncio.sleep(max(0.0, self._begun_s + number * self._seconds / SAMPLES - time.monotonic()))
                self.samples.append(await self._sample(member))
                watch(self.samples[-1])
                if self._calm.is_set() or member.process.poll() is not None:
                    break
            for task in people:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self._settled()
            if member.process.poll() is None:
                self.samples.append(await self._sample(member))
                watch(self.samples[-1])
            else:
                self._deaths.fell.append(f"the bot ended with {member.process.poll()}: {member.said()[-1500:]!r}")
            self.periods = tuple(row["period"] for row in await ask(self._db, PERIODS))
            await self._count()
        self.report.seconds = time.monotonic() - self._begun_s
        return self.report

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), launcher.OFFSET: str(int(self._offset_s * 1e6))}

    def _script(self) -> Trouble:
        return Trouble(self._chance)

    def _clock(self) -> float:  # type: ignore[override]
        return time.time() + self._offset_s

    def _timed(self, slack: StormSlack) -> Callable[[str, dict[str, Any]], Any]:
        async def deliver(kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
            """Deliver once, in order, and say how long the acknowledgement took."""
            begun_s = time.monotonic()
            answer = await StormSlack._once(slack, kind, payload, 0)
            self._acks_s.append(time.monotonic() - begun_s)
            slack.note_accepted(kind, payload, answer)
            return answer

        return deliver

    async def _files(self) -> None:
        """Ask about a file now and then."""
        while True:
            await asyncio.sleep(FILE_EVERY_S * 2 * self._chance.random())
            channel = self._chance.choice(CHANNELS)
            self.files += 1
            await self._slack.share("events.txt", FILE, f"<@{BOT_USER}> use answer: what is in it?", channel=channel)

    async def _sample(self, member: Member) -> Sample:
        process, found = Process(member.process.pid), await verify(self._db)
        answered = await ask(self._db, ANSWERED, since_us=self._seen_us)
        self._seen_us = int(self._clock() * 1e6)
        acks_s, self._acks_s = self._acks_s, []
        [owed] = await ask(self._db, OWED)
        return Sample(
            at_s=time.monotonic() - self._begun_s,
            memory_mb=process.memory_mb(),
            cpu_s=process.cpu_s(),
            descriptors=process.descriptors(),
            threads=process.threads(),
            open_runs=len(await ask(self._db, OPEN)),
            owed=int(owed["owed"]),
            settled_nusd=found.settled_nusd,
            held_nusd=found.held_nusd,
            answers_s=tuple(row["took_us"] / 1e6 for row in answered),
            acks_s=tuple(acks_s),
        )


def _shifted(start: Start) -> Running:
    """A bot with another date, as a program of its own."""
    with start.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", launcher.__name__, *start.arguments],
            cwd=ROOT,
            env={**start.env, "PYTHONPATH": os.fspath(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _until_next_month_s() -> float:
    """Seconds from now to the turn of the month, in UTC."""
    now = datetime.now(UTC)
    days = monthrange(now.year, now.month)[1] - now.day + 1
    turn = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return (turn - now).total_seconds()

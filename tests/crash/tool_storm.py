"""A shop whose clerk is killed again and again: what it did, what was asked about, what was paid.

A worker dies at any moment around a call. A person then looks into the shop and says whether it was done; the next
worker goes on. At the end the shop, the questions and the ledger are compared with what the tasks say.
"""

import asyncio
import fcntl
import json
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.clock import SystemClock
from patterns.core.questions import Decision
from storage.database.connect import connect
from storage.database.database import Database
from storage.ledger.verify import verify
from storage.questions import Questions
from storage.runs import RunStore
from tests.crash.accounts import ask
from tests.crash.replays import replay_steps
from tests.support import retail
from tests.support.ledgers import NEW_RUN
from tests.support.shells import PROJECT

DEAD_S = 2 * (retail.TIMEOUT_S + 4)
"""How far the clock is set forward for a successor: longer than any lease of a call that acts."""
RUNS_AT_ONCE = 12
LIFE_S = 6.0
"""A worker that has not killed itself is killed from outside somewhere in twice that."""


@dataclass
class ToolReport:
    """What a storm found. `wrongs` is empty when every promise held."""

    tasks: int = 0
    calls: int = 0
    writes: int = 0
    repeated_reads: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    owed_nusd: int = 0
    recorded_nusd: int = 0
    uncertain_nusd: int = 0
    replayed: int = 0
    replayed_nusd: int = 0
    seconds: float = 0.0
    wrongs: dict[str, list[str]] = field(default_factory=dict)

    def wrong(self, name: str, fact: str) -> None:
        """A promise that broke."""
        self.wrongs.setdefault(name, []).append(fact)

    @property
    def kills(self) -> int:
        """How many workers died."""
        return sum(self.deaths.values())


@dataclass
class ToolStorm:
    """Tasks over one database and one folder. `chance` is that of a death at each moment; 0: nobody dies."""

    url: str
    folder: Path
    tasks: Sequence[retail.Task]
    chance: float = 0.0
    kills: int = 0
    seed: int = 1
    acts_only: bool = False
    """Deaths come around calls that act, and anywhere from outside."""
    at: str = ""
    """The first worker dies at this moment of its first call that acts, and nobody else does."""
    report: ToolReport = field(default_factory=ToolReport)

    async def rage(self) -> ToolReport:
        """Work until every task is done, and count."""
        begun_s = asyncio.get_running_loop().time()
        (self.folder / "shop").mkdir(parents=True, exist_ok=True)
        db = await connect(self.url)
        try:
            runs = await self._accepted(db)
            await self._work(db, dict(runs))
            await self._count(db, runs)
        finally:
            await db.close()
        self.report.seconds = asyncio.get_running_loop().time() - begun_s
        return self.report

    async def _accepted(self, db: Database) -> dict[str, retail.Task]:
        store = RunStore(db, SystemClock())
        made: dict[str, retail.Task] = {}
        for number, task in enumerate(self.tasks):
            asked = replace(
                NEW_RUN, thread_ts=f"{number}.1", flow="shop", delivery_key=f"k{number}", request=task.request
            )
            made[(await store.accept(asked))[0]] = task
        return made

    # ------------------------------------------------------------ work and death

    async def _work(self, db: Database, left: dict[str, retail.Task]) -> None:
        chance, life, stuck = random.Random(self.seed), 0, 0
        while left:
            life += 1
            before = len(left), self.report.kills, sum(self.report.answers.values())
            some = list(left.items())[:RUNS_AT_ONCE]
            await self._life(life, some, chance)
            for run in await ask(db, "SELECT id, stop_reason FROM run WHERE status = 'done'"):
                if left.pop(run["id"], None) and run["stop_reason"] != "ok":
                    self.report.wrong("failed", f"{run['id']} {run['stop_reason']}")
            await self._look(db, left)
            stuck = stuck + 1 if before == (len(left), self.report.kills, sum(self.report.answers.values())) else 0
            if stuck > 3:  # nobody dies, nothing is asked, nothing ends
                self.report.wrong("stuck", f"{list(left)[:5]}")
                return

    async def _life(self, life: int, some: Sequence[tuple[str, retail.Task]], chance: random.Random) -> None:
        """One worker from its birth to its end."""
        raging = self.report.kills < self.kills
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crash.tool_worker", self.url, str(self.folder),
            "--chance", str(self.chance if raging else 0), "--seed", str(self.seed * 1000 + life),
            "--ahead", str(DEAD_S * life),
            *(["--acts-only"] if self.acts_only or self.at else ()), *(["--at", self.at] if life == 1 else ()),
            *(f"{run_id}:{task.id}" for run_id, task in some),
            cwd=PROJECT, env={"PATH": os.environ["PATH"]}, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        talking = asyncio.create_task(worker.communicate())
        killed_here = False
        if raging:
            done, _ = await asyncio.wait({talking}, timeout=LIFE_S * (0.5 + 1.5 * chance.random()))
            if not done:
                killed_here = True
                worker.kill()
        _, err = await talking
        if worker.returncode == -signal.SIGKILL:
            self.report.deaths["anywhere" if killed_here else self._last_death()] += 1
        elif worker.returncode:
            self.report.wrong("fell", err.decode()[-1500:])
        await asyncio.to_thread(self._until_quiet)

    def _last_death(self) -> str:
        return (self.folder / "deaths").read_text().splitlines()[-1]

    def _until_quiet(self) -> None:
        """Wait until the shop's server has ended with its worker."""
        with (self.folder / "shop" / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    # ------------------------------------------------------------ the person

    async def _look(self, db: Database, runs: dict[str, retail.Task]) -> None:
        """Answer what is asked: whoever is asked looks into the shop first."""
        questions = Questions(db, SystemClock())
        for asked in await questions.undecided():
            call = asked.question.calls[0]
            if asked.question.kind != "outcome" or asked.run_id not in runs:
                self.report.wrong("asked", f"{asked.run_id} {asked.question.kind} {call.tool}")
                continue
            arguments = json.loads(call.arguments)
            task = runs[asked.run_id]
            arguments.pop("state_key")
            times = retail.state(self.folder / "shop", task).times(call.tool.partition(".")[2], arguments)
            verdict: Any = "done" if times else "again"
            self.report.answers[verdict] += 1
            await questions.decide(asked.run_id, asked.path, Decision(verdict=verdict, user="U2"))

    # ------------------------------------------------------------ the accounts

    async def _count(self, db: Database, runs: dict[str, retail.Task]) -> None:
        report = self.report
        report.tasks = len(self.tasks)
        for task in runs.values():
            self._count_task(task)
        bills = self.folder / "bills"
        report.owed_nusd += sum(map(int, bills.read_text().split())) if bills.exists() else 0
        found = await verify(db)
        report.recorded_nusd = found.settled_nusd
        (uncertain,) = await ask(
            db, "SELECT CAST(COALESCE(SUM(actual_nusd), 0) AS BIGINT) AS nusd FROM call WHERE state = 'uncertain'"
        )
        report.uncertain_nusd = uncertain["nusd"]
        if not found.ok or found.held_nusd:
            report.wrong("sums", f"held {found.held_nusd}, differences {found.differences}")
        if not report.owed_nusd <= report.recorded_nusd <= report.owed_nusd + report.uncertain_nusd:
            report.wrong("dollars", f"{report.owed_nusd} owed, {report.recorded_nusd} recorded")
        for call in await ask(db, "SELECT id, state FROM call WHERE state IN ('open', 'reserved')"):
            report.wrong("held for ever", json.dumps(dict(call)))

        replayed = await replay_steps(db, runs, retail.roster(), agent="clerk")
        report.replayed, report.replayed_nusd = replayed.runs, replayed.nusd
        for difference in replayed.differences:
            report.wrong("replayed otherwise", difference)
        if replayed.nusd != found.settled_nusd:
            report.wrong("cents", f"{replayed.nusd} replayed, {found.settled_nusd} recorded")

    def _count_task(self, task: retail.Task) -> None:
        """Compare the shop after a task with what its calls come to, made once each."""
        report, due, is_now = self.report, retail.expected(task), retail.state(self.folder / "shop", task)
        if is_now.db != due.db:
            report.wrong("state", f"task {task.id} is not as expected")
        wanted, made = Counter(due.calls), Counter(is_now.calls)
        for call in wanted | made:
            name, difference = call[0], made[call] - wanted[call]
            if name in retail.READS:
                report.repeated_reads += max(0, difference)
                if difference < 0 and not report.deaths:
                    report.wrong("lost", f"task {task.id}: {call}")
            elif difference:
                report.wrong("done twice" if difference > 0 else "lost", f"task {task.id}: {call} {difference}")
        report.calls += sum(made.values())
        report.writes += sum(count for (name, _), count in made.items() if name in retail.WRITES)
        report.owed_nusd += sum(
            count * (retail.WRITE_NUSD if name in retail.WRITES else retail.READ_NUSD)
            for (name, _), count in made.items()
        )

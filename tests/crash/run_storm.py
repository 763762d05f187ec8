"""Whole runs in a storm: the bot is killed again and again while people ask, then everything is counted."""

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.app import choose_models, read_roster
from bot.settings import read_settings
from patterns.llm import LiteLLMClient
from patterns.money import Price, Usage
from storage.connect import connect
from storage.database import Database
from storage.migrate import migrate
from storage.statements import Query, Row, single
from storage.verify import verify
from tests.crash.fleet import Member, free_port
from tests.crash.storm_slack import StormSlack, number_of
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.team import Team
from tests.house import bot_environment

SETTLED_S = 180
ASK_EVERY_S = 1.0
OWED = (
    "SELECT id FROM run WHERE status <> 'done'"
    " UNION ALL SELECT run_id FROM slack_out WHERE state = 'intended'"
    " UNION ALL SELECT key FROM inbox WHERE done_us IS NULL"
)
CROWD = 25
"""People stop asking while so much is owed to them: Slack lets us edit fewer messages than a storm can leave open."""


@dataclass
class Report:
    """What the storm found; every list of wrongs is empty when the promises held."""

    kills: int = 0
    seconds: float = 0.0
    asked: int = 0
    accepted: int = 0
    runs: int = 0
    calls: int = 0
    bills: int = 0
    billed_nusd: int = 0
    settled_nusd: int = 0
    uncertain: int = 0
    in_flight_at_kills: int = 0
    lost: list[int] = field(default_factory=list)
    answered_twice: list[int] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    posted_twice: list[tuple[str, str]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    paid_twice: list[str] = field(default_factory=list)
    half_truths: list[str] = field(default_factory=list)
    sums_ok: bool = False

    def wrongs(self) -> dict[str, object]:
        """What broke a promise, by name."""
        lists = ("lost", "answered_twice", "unfinished", "failed", "posted_twice", "silent", "paid_twice")
        found: dict[str, object] = {name: getattr(self, name) for name in (*lists, "half_truths")}
        found["unrecorded_nusd"] = max(0, self.billed_nusd - self.settled_nusd)
        found["unrecorded_bills"] = max(0, self.bills - self.calls)
        found["uncertain_without_kill"] = max(0, self.uncertain - self.in_flight_at_kills)
        found["sums"] = not self.sums_ok
        return {name: wrong for name, wrong in found.items() if wrong}


class Storm:
    """One storm over one database: `webs` processes that listen, and `workers` beside them on PostgreSQL."""

    def __init__(self, url: str, folder: Path, *, seed: int, webs: int = 1, workers: int = 0) -> None:
        self._url = url
        self._folder = folder
        self._chance = random.Random(seed)
        self._ports = [free_port() for _ in range(webs)]
        self._workers = workers
        self.report = Report()

    async def rage(self, kills: int) -> Report:
        """Kill that many processes, let the last ones finish, count."""
        begun_s = time.monotonic()
        await migrate(self._url)
        async with AsyncExitStack() as stack:
            self._db = await connect(self._url)
            stack.push_async_callback(self._db.close)
            self._provider = await stack.enter_async_context(Provider(self._say, strict=False))
            self._slack = await stack.enter_async_context(StormSlack(self._chance, self._web))
            env, logs = self._environment(), self._folder
            web = "web" if self._workers else "run"
            self._members = [
                *(Member((web, "--port", str(port)), env, logs / f"{web}-{port}.log") for port in self._ports),
                *(Member(("worker",), env, logs / f"worker-{number}.log") for number in range(self._workers)),
            ]
            stack.push_async_callback(self._dismiss)
            for member in self._members:
                member.start()
            await asyncio.gather(*(member.ready() for member in self._members))
            people = asyncio.create_task(self._people(), name="people")
            for _ in range(kills):
                await self._kill_one()
            people.cancel()
            with suppress(asyncio.CancelledError):
                await people
            await self._settled()
            await self._count()
        self.report.seconds = time.monotonic() - begun_s
        return self.report

    async def _dismiss(self) -> None:
        await asyncio.gather(*(member.leave() for member in self._members))

    def _environment(self) -> dict[str, str]:
        env = bot_environment(
            api_url=self._slack.url, provider_url=self._provider.api_base("openai"), folder=self._folder
        )
        return {**env, "DATABASE_URL": self._url}

    def _web(self) -> str:
        return f"http://127.0.0.1:{self._chance.choice(self._ports)}/slack/events"

    def _say(self, call: Call) -> Reply:
        return Team(delay_s=self._chance.random())(call)

    async def _people(self) -> None:
        """Ask on and on; what is under way when the storm ends is still delivered."""
        asking: set[asyncio.Task[int]] = set()
        try:
            while True:
                await asyncio.sleep(ASK_EVERY_S * 2 * self._chance.random())
                if len(await self._rows(OWED)) < CROWD:
                    asking.add(asyncio.create_task(self._slack.ask()))
        finally:
            await asyncio.gather(*asking)

    async def _kill_one(self) -> None:
        victim = self._chance.choice(self._members)
        if self._chance.random() < 0.25:
            await asyncio.sleep(2 * self._chance.random())  # perhaps while it is still starting
        else:
            await victim.ready()
            await asyncio.sleep(0.2 + 2.5 * self._chance.random())
        owner = f"{socket.gethostname()}:{victim.kill()}"
        open_calls = await self._rows(
            "SELECT call.id FROM call JOIN run ON run.id = call.run_id"
            " WHERE call.state = 'open' AND run.lease_owner = :owner",
            owner=owner,
        )
        self.report.kills += 1
        self.report.in_flight_at_kills += len(open_calls)
        victim.start()

    async def _settled(self) -> None:
        """Wait until nothing is owed to anybody."""
        for _ in range(SETTLED_S * 5):
            if not await self._rows(OWED):
                return
            await asyncio.sleep(0.2)

    async def _count(self) -> None:
        report = self.report
        report.asked, report.accepted = self._slack.asked, len(self._slack.accepted)
        runs = await self._rows(
            "SELECT run.id, run.status, run.stop_reason, content.text FROM run"
            " JOIN content ON content.id = run.request_content"
        )
        await self._count_messages(runs)
        await self._count_money()

    async def _count_messages(self, runs: Sequence[Row]) -> None:
        report, posted = self.report, self._slack.posted()
        numbers = Counter(number_of(run["text"]) for run in runs)
        report.runs = len(runs)
        report.lost = sorted(self._slack.accepted - set(numbers))
        report.answered_twice = [number for number, count in numbers.items() if count > 1]
        report.unfinished = [run["id"] for run in runs if run["status"] != "done"]
        report.failed = [run["id"] for run in runs if run["stop_reason"] not in ("completed", "partial")]
        report.silent = [run["id"] for run in runs if not posted[run["id"], "answer/0"]]
        report.posted_twice = [message for message, count in posted.items() if count > 1]
        report.half_truths = [shown for shown in self._slack.shown("root") if "✅ answered" not in shown]

    async def _count_money(self) -> None:
        report = self.report
        calls = await self._rows("SELECT run_id, path, state FROM call WHERE state IN ('settled', 'uncertain')")
        settled = Counter(f"{call['run_id']}/{call['path']}" for call in calls if call["state"] == "settled")
        report.paid_twice = [step for step, count in settled.items() if count > 1]
        report.uncertain = sum(call["state"] == "uncertain" for call in calls)
        report.calls, report.bills = len(calls), len(self._provider.bills)
        prices = await self._prices()
        report.billed_nusd = sum(
            prices[bill.model].cost_nusd(Usage(bill.input_tokens, bill.output_tokens)) for bill in self._provider.bills
        )
        found = await verify(self._db)
        report.settled_nusd = found.settled_nusd
        report.sums_ok = found.ok and found.held_nusd == 0

    async def _prices(self) -> dict[str, Price]:
        """By the provider's own name of the model."""
        settings = read_settings(self._environment())
        roster = read_roster(settings, await choose_models(settings))
        client = LiteLLMClient(roster.models, settings.env)
        return {spec.model.removeprefix("openai/"): client.price(name) for name, spec in roster.models.items()}

    async def _rows(self, sql: str, **values: object) -> list[Row]:
        return await _rows(self._db, sql, **values)


async def _rows(db: Database, sql: str, **values: object) -> list[Row]:
    return await db.read(lambda: single(Query("storm", sql)(**values)))

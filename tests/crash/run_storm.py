"""Whole runs in a storm: the bot is killed again and again while people ask, then everything is counted."""

import asyncio
import os
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from bot.demo.process import free_port
from bot.runs.configuration import choose_models, read_roster
from bot.settings import SHIPPED_ROSTER, read_settings
from patterns.core.money import Price
from patterns.models.client import LiteLLMClient
from storage.database.connect import connect
from storage.database.migrate import migrate
from tests.crash.accounts import CUT_REASONS, Accounts, Report, ask
from tests.crash.crowd import Crowd
from tests.crash.deaths import Deaths
from tests.crash.fleet import Member, Starter, cold
from tests.crash.moody import Moody
from tests.crash.replays import replay_all
from tests.crash.storm_slack import StormSlack
from tests.fakes.provider import Provider
from tests.support.running_bot import bot_environment

STILL_S = 150
"""Longer than anything takes that is tried again: a lease, a delivery overdue, a chore, Slack's pace."""
ACT_EVERY_S = 0.35
CROWD = 25
"""People stop asking while so many runs are open: Slack lets us edit fewer messages than a storm can leave open."""
CUT = 0.06
"""How often PostgreSQL cuts connections instead of somebody dying."""
EXCUSED_S = 3.0
EVERY = 25
OPEN = "SELECT id FROM run WHERE status <> 'done'"
OWED = (
    "SELECT id || '/' || status || epoch AS id FROM run WHERE status <> 'done' OR lease_until_us > :now_us"
    " UNION ALL SELECT run_id || '/' || name FROM slack_out WHERE state = 'intended'"
    " UNION ALL SELECT key FROM inbox WHERE done_us IS NULL"
)
CUT_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name <> 'storm' AND random() < 0.5"
)
ROSTER = {
    "run_usd: 0.50, run_s: 300, steps: 30": "run_usd: 50, run_s: 3000, steps: 300",
    "default_channel_usd: 25": "default_channel_usd: 100000",
    "dm_user_usd: 5": "dm_user_usd: 100000",
    "workspace_usd: 100": "workspace_usd: 1000000",
}
"""What the storm changes in the shipped roster: uncertain calls count in full, and money is not what it is about."""


class Storm:
    """One storm over one database: `webs` processes that listen, and `workers` beside them on PostgreSQL.

    `crowd` is how many runs may be open before people wait: what it leaves is worked off at Slack's pace.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        seed: int,
        webs: int = 1,
        workers: int = 0,
        crowd: int = CROWD,
        starter: Starter = cold,
    ) -> None:
        self._url, self._folder, self._starter = url, folder, starter
        self._webs, self._workers, self._most = webs, workers, crowd
        self._chance = random.Random(seed)
        self.act_every_s, self.cut_reasons = ACT_EVERY_S, CUT_REASONS
        self._calm = asyncio.Event()
        self._killed_owners: set[tuple[str, int]] = set()
        self.report = Report()

    def calm(self) -> None:
        """No more kills: let everybody finish, then count what there was."""
        self._calm.set()

    async def rage(self, kills: int, watch: Callable[[str], None] = lambda _line: None) -> Report:
        """Kill that many processes, or more until a request was accepted; let the last ones finish, count.

        `watch` hears how it goes, every 25 kills.
        """
        begun_s = time.monotonic()
        await migrate(self._url)
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._deaths.begin()
            await asyncio.gather(*(member.ready() for member in self._members))
            people = asyncio.create_task(self._people(), name="people")
            told = 0
            while (self._deaths.kills < kills or not self._slack.accepted) and not self._calm.is_set():
                await self._blow()
                if self._deaths.kills // EVERY > told:
                    told = self._deaths.kills // EVERY
                    watch(self._line(time.monotonic() - begun_s))
            people.cancel()
            with suppress(asyncio.CancelledError):
                await people
            await self._deaths.calm()
            await self._settled()
            await self._count()
        self.report.seconds = time.monotonic() - begun_s
        return self.report

    async def _open(self, stack: AsyncExitStack) -> None:
        """Everything around the bot, then the bot's members."""
        mark = "&application_name=storm" if self._workers else ""
        self._db = await connect(self._url + mark)
        stack.push_async_callback(self._db.close)
        self._moody = self._script()
        self._provider = await stack.enter_async_context(Provider(self._moody, strict=False))
        self._slack = await stack.enter_async_context(StormSlack(self._chance, self._doors, clock=self._clock))
        self._crowd = Crowd(self._slack)
        env, role = self._environment(), "web" if self._workers else "run"
        self._members = [
            *(
                Member(role, free_port(), env, self._folder / f"{role}-{n}.log", self._starter)
                for n in range(self._webs)
            ),
            *(
                Member("worker", None, env, self._folder / f"worker-{n}.log", self._starter)
                for n in range(self._workers)
            ),
        ]
        self._deaths = Deaths(self._members, self._chance, self._died)
        stack.push_async_callback(self._dismiss)

    def _script(self) -> Moody:
        """Who answers in place of the models."""
        return Moody(self._chance)

    @staticmethod
    def _clock() -> float:
        """Slack's time."""
        return time.time()

    async def _dismiss(self) -> None:
        await asyncio.gather(*(member.dismiss() for member in self._members))

    def _environment(self) -> dict[str, str]:
        roster = SHIPPED_ROSTER.read_text("utf-8")
        for shipped, ours in ROSTER.items():
            assert roster.count(shipped) == 1, f"the shipped roster no longer says {shipped}"
            roster = roster.replace(shipped, ours)
        roster = roster.replace("\nbudgets:\n", "\nbudgets:\n  new_channels: on\n")
        path = self._folder / "roster.yml"
        path.write_text(roster, "utf-8")
        env = bot_environment(
            api_url=self._slack.url, provider_url=self._provider.api_base("openai"), folder=self._folder
        )
        return {**env, "DATABASE_URL": self._url, "AGENTS_ROSTER": str(path)}

    def _doors(self) -> list[str]:
        return [f"http://127.0.0.1:{member.port}/slack/events" for member in self._members if member.over_http]

    async def _people(self) -> None:
        """Act on and on; what is under way when the storm ends is still delivered."""
        deeds: set[asyncio.Task[None]] = set()
        try:
            while True:
                await asyncio.sleep(self.act_every_s * 2 * self._chance.random())
                open_runs = len(await ask(self._db, OPEN))
                deed = asyncio.create_task(self._crowd.act(may_ask=open_runs < self._most), name="deed")
                deeds.add(deed)
                deed.add_done_callback(deeds.discard)
        finally:
            await asyncio.gather(*deeds)

    async def _blow(self) -> None:
        """A death, or connections cut."""
        if self._workers and self._chance.random() < CUT:
            self._deaths.excused_until_s = time.monotonic() + EXCUSED_S
            self._deaths.ways["cut"] += 1
            await ask(self._db, CUT_CONNECTIONS)
        await self._deaths.strike()

    async def _died(self, member: Member) -> None:
        """Remember whose calls may be under way for ever."""
        rows = await ask(self._db, "SELECT id, epoch FROM run WHERE lease_owner = :owner", owner=member.owner)
        self._killed_owners |= {(row["id"], row["epoch"]) for row in rows}

    async def _settled(self) -> None:
        """Wait until nothing is owed to anybody and nobody is asked anything, or until nothing moves any more."""
        owed, moved_s = set[str](), time.monotonic()
        while time.monotonic() - moved_s < STILL_S:
            now = {row["id"] for row in await ask(self._db, OWED, now_us=int(self._clock() * 1e6))}
            if not now:
                return
            if now != owed:
                owed, moved_s = now, time.monotonic()
            await asyncio.sleep(0.5)
            await self._crowd.answer_everything()

    async def _count(self) -> None:
        report = self.report
        report.kills, report.ways, report.deeds = self._deaths.kills, self._deaths.ways, self._crowd.done
        report.asked, report.accepted = len(self._crowd.asked), len(self._slack.accepted)
        report.cuts, report.refusals = self._moody.cuts, self._moody.refusals
        accounts = Accounts(self._db, self._slack, report, self._killed_owners, self._crowd.withdrawn, self.cut_reasons)
        for words in self._deaths.fell:
            accounts.wrong("fell", words)
        await accounts.count(self._provider.bills, await self._prices())
        replayed = await replay_all(self._environment())
        report.replayed, report.replayed_nusd = replayed.runs, replayed.nusd
        for difference in replayed.differences:
            accounts.wrong("replayed otherwise", difference)

    async def _prices(self) -> dict[str, Price]:
        """By the provider's own name of the model."""
        settings = read_settings(self._environment())
        roster = read_roster(settings, await choose_models(settings))
        client = LiteLLMClient(roster.models, settings.env)
        return {spec.model.removeprefix("openai/"): client.price(name) for name, spec in roster.models.items()}

    def _line(self, seconds: float) -> str:
        """How it goes: besides the kills, whether starts get slower, processes fatter and logs longer."""
        starts_s = [start_s for member in self._members for start_s in member.starts_s[-5:]]
        start_s = sum(starts_s) / len(starts_s) if starts_s else 0.0
        rss_mb = max(_resident_mb(member.process.pid) for member in self._members)
        logs_mb = sum(path.stat().st_size for path in self._folder.glob("*.log")) / 1e6
        return (
            f"{self._deaths.kills} kills in {seconds:.0f} s: {len(self._slack.accepted)} accepted,"
            f" {len(self._provider.bills)} bills; a start {start_s:.2f} s, the fattest {rss_mb:.0f} MB,"
            f" logs {logs_mb:.1f} MB, fell {len(self._deaths.fell)}"
        )


def _resident_mb(pid: int) -> float:
    """Memory of a process, where the system tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

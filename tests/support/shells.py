"""The `agents` command as people start it: a process of its own, with an environment that reaches loopback only."""

import asyncio
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from bot.cli import main; main(prog_name='agents')")
KEY = "sk-secret-of-the-double"


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """One ledger and one model server, for as many commands as wanted."""

    folder: Path
    api_base: str

    @property
    def env(self) -> dict[str, str]:
        """Nothing of this machine's settings, no cache with a tiny model."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AGENTS_DATA_DIR": str(self.folder),
            "AGENTS_CACHE_DIR": str(self.folder / "cache"),
            "OPENAI_API_KEY": KEY,
            "OPENAI_API_BASE": self.api_base,
        }

    async def start(self, *args: str, env: Mapping[str, str] | None = None, **streams: Any) -> Process:
        """Begin a command."""
        pipes = {"stdin": asyncio.subprocess.DEVNULL, "stdout": PIPE, "stderr": PIPE, **streams}
        return await asyncio.create_subprocess_exec(
            *COMMAND, *args, cwd=PROJECT, env={**self.env, **(env or {})}, **pipes
        )

    async def run(self, *args: str, env: Mapping[str, str] | None = None) -> Ended:
        """A command from its start to its end."""
        return await ended(await self.start(*args, env=env))

    def roster(self, **changes: str) -> dict[str, str]:
        """The shipped roster with some of its limits changed, as an environment."""
        text = (PROJECT / "patterns" / "roster.yml").read_text("utf-8")
        for name, value in changes.items():
            before, found, after = text.partition(f"{name}: ")
            assert found, name
            rest = after.lstrip("0123456789.")
            text = f"{before}{name}: {value}{rest}"
        file = self.folder / "roster.yml"
        file.write_text(text, "utf-8")
        return {"AGENTS_ROSTER": str(file)}

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask, or change, the ledger's file behind everybody's back."""
        with closing(sqlite3.connect(self.folder / "agents.db")) as db, db:
            return db.execute(statement).fetchall()

    def paid_nusd(self) -> int:
        """What the ledger says was paid."""
        ((paid,),) = self.sql("SELECT COALESCE(SUM(actual_nusd), 0) FROM call WHERE state IN ('settled', 'uncertain')")
        return int(paid)


async def ended(process: Process) -> Ended:
    """Wait for a command."""
    out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())

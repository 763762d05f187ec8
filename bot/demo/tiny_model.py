"""A real model for machines without a key: SmolLM2-135M behind llama.cpp's OpenAI-compatible server."""

import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from bot.demo.cache import tiny_model_files
from bot.demo.process import free_port, kept, until_ready
from bot.runs.model_selection import ModelChoice
from bot.settings import SHIPPED_ROSTER, Settings

ALIAS = "smollm2-135m"
CONTEXT_TOKENS = 8192
SLOTS = 4
"""Parallel conversations, each with the whole context; a broadcast of four answers side by side."""
START_TIMEOUT_S = 60
SERVER = Path(__file__).with_name("tiny_server.py")
ROSTER = Path(__file__).with_name("tiny") / "roster.yml"
"""Few agents with prompts that such a model bears; the shipped ones drown it."""


class TinyModel:
    """The server on loopback, while the block runs. `folder` gets its log.

    Raises on entering:
        UserError: it could not be downloaded or started.
    """

    def __init__(self, *, env: Mapping[str, str], folder: Path, port: int = 0) -> None:
        self._env = env
        self._log = folder / "tiny-model.log"
        self._wanted = port
        self._stack = AsyncExitStack()
        self.api_base = ""

    async def __aenter__(self) -> Self:
        packages, weights = await tiny_model_files(self._env)
        port = free_port(self._wanted)
        health = f"http://127.0.0.1:{port}/health"
        async with AsyncExitStack() as stack:
            process = await stack.enter_async_context(
                kept(_command(packages, weights, port), log=self._log, env=self._env)
            )
            async with aiohttp.ClientSession() as session:
                await until_ready(
                    process,
                    lambda: answers(session, health),
                    name="The tiny model",
                    log=self._log,
                    wait_s=START_TIMEOUT_S,
                )
            self._stack = stack.pop_all()
        self.api_base = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def with_tiny_roster(settings: Settings, choice: ModelChoice | None) -> Settings:
    """Return the settings with the tiny model's own roster, when it answers and nobody chose another roster."""
    is_ours = choice is not None and choice.is_tiny and settings.roster_path == SHIPPED_ROSTER
    return settings.model_copy(update={"roster_path": ROSTER}) if is_ours else settings


async def answers(session: aiohttp.ClientSession, url: str) -> bool:
    """Return True when a server answers 200 there."""
    try:
        async with session.get(url) as reply:
            return reply.ok
    except aiohttp.ClientError:
        return False


def _command(packages: Path, weights: Path, port: int) -> list[str]:
    return [
        *(sys.executable, "-I", str(SERVER)),
        *("--packages", str(packages), "--model", str(weights), "--alias", ALIAS),
        *("--port", str(port), "--slots", str(SLOTS), "--context", str(CONTEXT_TOKENS)),
    ]

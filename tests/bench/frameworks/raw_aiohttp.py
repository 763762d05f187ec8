"""The floor: hand-written asyncio over aiohttp."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from jobs import PROMPTS, Runs, plain_runs


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Runs]:
    """Open a session."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(role: str, text: str) -> str:
            messages = [{"role": "system", "content": PROMPTS[role]}, {"role": "user", "content": text}]
            body = {"model": "gpt-4o", "messages": messages, "max_tokens": 300}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                return str((await response.json())["choices"][0]["message"]["content"])

        yield plain_runs(ask)

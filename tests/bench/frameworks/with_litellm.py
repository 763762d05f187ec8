"""litellm's acompletion, the flow in plain Python."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import litellm
from jobs import PROMPTS, Runs, plain_runs


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Runs]:
    """Use litellm's own session."""

    async def ask(role: str, text: str) -> str:
        messages = [{"role": "system", "content": PROMPTS[role]}, {"role": "user", "content": text}]
        found = await litellm.acompletion("openai/gpt-4o", messages, max_tokens=300, api_base=url, api_key="k")
        return str(found.choices[0].message.content)

    yield plain_runs(ask)

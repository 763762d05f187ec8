"""pydantic-ai: its Agent, the flow in plain Python."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobs import PROMPTS, Runs, plain_runs
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Runs]:
    """Make an agent of each role once."""
    model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(base_url=url, api_key="k"))
    agents = {
        role: Agent(model, instructions=prompt, model_settings={"max_tokens": 300}) for role, prompt in PROMPTS.items()
    }

    async def ask(role: str, text: str) -> str:
        return str((await agents[role].run(text)).output)

    yield plain_runs(ask)

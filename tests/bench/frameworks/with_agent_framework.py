"""Microsoft's agent-framework: its Agent, the flow in plain Python."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent_framework import Agent
from agent_framework_openai import OpenAIChatCompletionClient
from jobs import PROMPTS, Runs, plain_runs


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Runs]:
    """Make an agent of each role once."""
    client = OpenAIChatCompletionClient("gpt-4o", api_key="k", base_url=url)
    agents = {role: Agent(client, prompt, default_options={"max_tokens": 300}) for role, prompt in PROMPTS.items()}

    async def ask(role: str, text: str) -> str:
        return str((await agents[role].run(text)).text)

    yield plain_runs(ask)

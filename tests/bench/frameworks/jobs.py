"""The same work for every framework: five patterns over one `ask`, with the same prompts and the same number of calls.

Imported in the environments of other frameworks too, so it needs the standard library only.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

REQUEST = "Should a team of four keep its event log in SQLite or in PostgreSQL? Weigh cost, operation and growth. " * 3
PROMPTS: Mapping[str, str] = {
    "worker": "You are a careful engineer. Answer in one paragraph.",
    "editor": "You are an editor. Shorten what you are given.",
    "checker": "You check facts. Name what is doubtful.",
    "router": 'ROUTER: choose one of worker, editor, checker. Reply with JSON like {"agent": "worker"}.',
    "reviewer": 'REVIEWER: judge the draft. Reply with JSON like {"accepted": false, "change": "shorter"}.',
    "chair": "You are the chair. Unite these voices in one answer.",
}
VOICES = ("worker", "editor", "checker", "worker", "editor")
CALLS = {"single": 1, "router": 2, "pipeline": 3, "broadcast": 6, "supervisor": 5}
REVISIONS = 2
Ask = Callable[[str, str], Awaitable[str]]
"""Asks the agent of that role; returns its text."""
Runs = Mapping[str, Callable[[], Awaitable[str]]]


def plain_runs(ask: Ask) -> Runs:
    """Return the patterns in plain Python over one call."""

    async def single() -> str:
        return await ask("worker", REQUEST)

    async def router() -> str:
        return await ask(agent_of(await ask("router", REQUEST)), REQUEST)

    async def pipeline() -> str:
        text = await ask("worker", REQUEST)
        text = await ask("checker", f"{REQUEST}\n\n{text}")
        return await ask("editor", f"{REQUEST}\n\n{text}")

    async def broadcast() -> str:
        voices = await asyncio.gather(*(ask(role, REQUEST) for role in VOICES))
        return await ask("chair", "\n\n".join((REQUEST, *voices)))

    async def supervisor() -> str:
        draft = await ask("worker", REQUEST)
        for _ in range(REVISIONS):
            change = change_of(await ask("reviewer", f"{REQUEST}\n\n{draft}"))
            if not change:
                break
            draft = await ask("worker", f"{REQUEST}\n\n{draft}\n\nChange: {change}")
        return draft

    return {
        "single": single,
        "router": router,
        "pipeline": pipeline,
        "broadcast": broadcast,
        "supervisor": supervisor,
    }


def agent_of(reply: str) -> str:
    """Return the role that the router chose."""
    return str(json.loads(reply)["agent"])


def change_of(reply: str) -> str:
    """Return what the reviewer wants changed; empty when it accepts."""
    verdict = json.loads(reply)
    return "" if verdict["accepted"] else str(verdict["change"])

"""What `agents doctor` hears from a bot that runs on the same machine, where it listens."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from bot.cli.findings import Finding, ok, warn
from bot.settings import EVERY_ADDRESS, Settings

SUBJECT = "process"
_NEEDED = {
    "database": "its database does not answer",
    "leases": "it cannot renew the leases of its runs",
    "socket": "it has no connection to Slack",
    "slack": "Slack's API does not answer it",
}
WAIT_MAX_S = 60
"""How long a request may have waited for a process before that is worth a look."""


async def process_findings(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Finding]:
    """Yield how the bot on this machine is, by its `/readyz`; nothing where none of its ports is set."""
    port = settings.health_port or settings.port
    if not port:
        return
    host = "127.0.0.1" if settings.host == EVERY_ADDRESS else settings.host
    try:
        async with session.get(f"http://{host}:{port}/readyz") as answer:
            said = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        yield ok(SUBJECT, f"nobody answers on port {port}: no bot runs here, or it is still starting.")
        return
    if not isinstance(said, dict) or "database" not in said:
        yield warn(SUBJECT, f"something else than the bot answers on port {port}.")
        return
    troubles = list(_troubles(said))
    yield (
        warn(SUBJECT, f"the bot on port {port} runs, but {'; '.join(troubles)}.")
        if troubles
        else ok(SUBJECT, f"the bot on port {port} runs and is ready.")
    )


def _troubles(said: dict[str, Any]) -> list[str]:
    found = [words for name, words in _NEEDED.items() if said.get(name) is False]
    failing = said.get("providers_failing")
    if isinstance(failing, dict):
        found += [f"{provider} has been failing since {since} and is left alone" for provider, since in failing.items()]
    waited_s = said.get("oldest_wait_s")
    if isinstance(waited_s, int) and waited_s > WAIT_MAX_S:
        found.append(f"a request has waited {waited_s} s for a process")
    return found

"""Search a Slack workspace for the person behind a run: with the key of their message, in public channels alone.

Whatever is found every member can open, so an answer in a channel may quote it. Nothing of it is stored or logged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.runs.workspace_search import NO_KEY, FoundInSlack
from bot.slack.errors import SlackError
from bot.slack.scopes import GrantedScopes
from bot.slack.workspaces import Slack
from patterns.core.invisible import without_invisible
from patterns.core.text import storable
from patterns.core.tools import ToolError
from patterns.core.web_search import is_web_address
from storage.action_tokens import ActionTokens
from storage.run_rows import RunRow

log = structlog.get_logger(__name__)

METHOD = "assistant.search.context"
MESSAGES, FILES = "search:read.public", "search:read.files"
NO_SCOPE = (
    f"Slack cannot be searched, because the app lacks {MESSAGES}. An admin can allow it: reinstall the app with the"
    " manifest of `agents manifest`."
)
TEXT_CHARS_MAX = 1_500
"""Of one message or file."""


@dataclass(frozen=True, slots=True)
class WorkspaceSearch:
    """Searches with the bot's token and the key of the message that asked."""

    slack: Slack
    keys: ActionTokens
    scopes: GrantedScopes

    async def refusal(self, run: RunRow) -> str:
        """Return why nothing can be searched for this run; empty where it can."""
        if not await self.keys.of_run(run.id):
            return NO_KEY
        granted = await self.scopes.of(run.workspace)
        return NO_SCOPE if granted is not None and MESSAGES not in granted else ""

    async def find(self, run: RunRow, query: str, *, results_max: int) -> Sequence[FoundInSlack]:
        """Return what Slack finds for the asker, as far as everybody can open it.

        Raises:
            ToolError: there is no key for it, no permission, or Slack does not answer.
        """
        key = await self.keys.of_run(run.id)
        if not key:
            raise ToolError(NO_KEY, was_sent=False)
        granted = await self.scopes.of(run.workspace)
        if granted is not None and MESSAGES not in granted:
            raise ToolError(NO_SCOPE, was_sent=False)
        kinds = "messages,files" if granted is None or FILES in granted else "messages"
        try:
            answer = await self.slack.of(run.workspace).call(
                METHOD,
                query=query,
                action_token=key,
                channel_types="public_channel",
                content_types=kinds,
                limit=results_max,
            )
        except SlackError as error:
            log.info("workspace_not_searched", run=run.id, code=error.code)
            raise ToolError(_sentence(error), was_sent=False) from None
        results = answer.get("results")
        found = [*_read(results, "messages"), *_read(results, "files")] if isinstance(results, Mapping) else []
        return found[:results_max]


def _sentence(error: SlackError) -> str:
    if error.kind == "missing_scope":
        return NO_SCOPE
    if error.kind == "unreachable":
        return "Slack could not be reached for a search."
    return "Slack does not search for this request any more. Ask again in a new message."


def _read(results: Mapping[str, Any], kind: str) -> Iterable[FoundInSlack]:
    """Yield the messages or files of an answer; what has no address is left out."""
    entries = results.get(kind)
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, Mapping):
            continue
        address = entry.get("permalink")
        if isinstance(address, str) and is_web_address(address):
            yield FoundInSlack(address, _line(entry))


def _line(entry: Mapping[str, Any]) -> str:
    """Return who wrote where what, on one line."""
    author, channel = entry.get("author_name") or entry.get("author_user_id"), entry.get("channel_name")
    said = [entry.get("title"), entry.get("content")]
    head = " in #".join(str(part) for part in (author, channel) if isinstance(part, str) and part)
    body = " · ".join(str(part) for part in said if isinstance(part, str) and part)
    line = " ".join(without_invisible(storable(f"{head}: {body}")).split())
    return line if len(line) <= TEXT_CHARS_MAX else f"{line[:TEXT_CHARS_MAX]}…"

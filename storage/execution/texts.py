"""Everything people said that a run works on, in one read: its request, its thread, its attachments, its settings."""

import json
import re
from dataclasses import dataclass
from typing import Any

from storage.channels import q as channels
from storage.database.database import Database
from storage.database.statements import Work, beside, load
from storage.run_rows import RunRow
from storage.runs import RunStore
from storage.threads import Threads

stored_files = load("stored_files")
_FILE = re.compile(r'"file":"(f[0-9a-f]{32})"')
"""A stored file as attachments name it. Text in them has its quotes escaped."""


@dataclass(frozen=True, slots=True)
class RunTexts:
    """What a run was given. `request` None: deleted. `exchanges` are earlier requests with results, oldest first.

    `attachments` are the run's own, then those of earlier runs of the thread, newest first; `files` are the ids of
    those stored files they name that are still kept.
    """

    request: str | None
    exchanges: tuple[tuple[str, str], ...]
    attachments: tuple[str, ...]
    channel_settings: dict[str, Any]
    files: frozenset[str] = frozenset()


async def read_texts(
    db: Database, store: RunStore, threads: Threads, run: RunRow, *, exchanges: int, attachments: int
) -> RunTexts:
    """Return the texts of a run, with at most so many earlier exchanges and earlier attachments of its thread."""
    return await db.read(lambda: reading_texts(store, threads, run, exchanges=exchanges, attachments=attachments))


def reading_texts(
    store: RunStore, threads: Threads, run: RunRow, *, exchanges: int, attachments: int
) -> Work[RunTexts]:
    """Read the texts of a run as part of a transaction; see `read_texts`."""
    request, earlier, files, settings = yield from beside(
        store.reading_text(run.id, "request"),
        store.reading_exchanges(run, most=exchanges),
        threads.reading_attachments(run, most=attachments),
        _reading_settings(run),
    )
    named = [file_id for text in files for file_id in _FILE.findall(text)]
    kept = (yield stored_files.kept_of(ids=named)) if named else []
    return RunTexts(
        request=request,
        exchanges=tuple(earlier),
        attachments=tuple(files),
        channel_settings=settings,
        files=frozenset(str(row["id"]) for row in kept),
    )


def _reading_settings(run: RunRow) -> Work[dict[str, Any]]:
    settings = yield channels.find_settings(workspace=run.workspace, channel=run.channel)
    return json.loads(settings[0]["settings_json"]) if settings else {}

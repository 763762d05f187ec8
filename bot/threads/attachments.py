"""Read what came with a request once and store it, so that a resumed run sees the same."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.commands.message_words import files_of
from bot.commands.origin import AttachmentRefs
from bot.runs.material import Attachments
from bot.runs.resources import ResourceReader
from bot.threads.files import Files
from bot.threads.history import ThreadReader
from patterns.roster.roster import Roster
from storage.run_rows import RESOURCES, RunRow
from storage.threads import Thread, Threads

READ_S = 120.0
"""Seconds for reading; Slack may rate-limit us, other files come first, and the answer must not wait for ever."""


@dataclass(frozen=True, slots=True)
class AttachmentCollector:
    """Reads the attachments of a Slack request."""

    threads: Threads
    thread_reader: ThreadReader
    files: Files
    resources: ResourceReader
    roster_of: Callable[[RunRow], Awaitable[tuple[Roster, object]]]

    async def gather(self, run: RunRow) -> Attachments:
        """Read what came with a request, once: the first reading decides what every later look at it sees."""
        # Nobody can have read it before a first owner; two that think so are told the version in force.
        kept = await self.threads.attachments(run.id) if run.epoch > 1 else None
        if kept is not None:
            return Attachments.model_validate_json(kept) if kept else Attachments()
        # Without what is as it is by default: programs of before pictures were files read it too.
        read = (await self._read_soon(run)).model_dump_json(exclude_defaults=True)
        kept = await self.threads.store_attachments(run, read)
        came = Attachments.model_validate_json(kept) if kept else Attachments()
        if kept != read or run.epoch > 1:
            # Another reading stored files too: one that was interrupted, or the one that counts.
            await self.files.stored.keep_only(run.id, [artifact.file for artifact in came.artifacts if artifact.file])
        return came

    async def kept(self, run_id: str) -> Attachments:
        """Return what was read for a run and what was left out; empty before that, and once it is forgotten."""
        kept = await self.threads.attachments(run_id)
        return Attachments.model_validate_json(kept) if kept else Attachments()

    async def _read_soon(self, run: RunRow) -> Attachments:
        try:
            async with asyncio.timeout(READ_S):
                return await self._read(run)
        except TimeoutError:
            if run.options.get(RESOURCES):
                return Attachments(refused=("Reading what came with the request took more than two minutes.",))
            return Attachments(
                left_out=("What came with the request was left out: reading it took more than two minutes.",)
            )

    async def _read(self, run: RunRow) -> Attachments:
        attached = AttachmentRefs(**run.options.get("attached", {}))
        material = Attachments()
        if await self._is_guest(run):
            material += await self.thread_reader.around(run)
        if attached.about:
            material += await self.thread_reader.about(run, attached.about)
        # Asked together, they are one trip to the database.
        linked: Attachments
        linked, message = await asyncio.gather(
            self.thread_reader.linked(run),
            self.thread_reader.asking_message(run, may_have_more=attached.may_have_more),
        )
        material += linked
        material += self.thread_reader.shared(message)
        material += await self.resources.read(run, (await self.roster_of(run))[0])
        file_ids = dict.fromkeys([*attached.files, *(str(file["id"]) for file in files_of(message))])
        return material + await self.files.read(list(file_ids), run)

    async def _is_guest(self, run: RunRow) -> bool:
        """Return True when we were mentioned in a thread of others that no earlier run has read."""
        if not run.thread_ts or run.options.get("message_ts") in (None, run.thread_ts):
            return False
        if await self.threads.earlier_attachments(run, most=1):
            return False
        return await self.threads.opener(Thread(run.workspace, run.channel, run.thread_ts)) is None

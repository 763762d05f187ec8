"""Personal data: export and erasure of stored texts. Money and times stay, without text."""

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

from patterns.core.ports import Clock
from storage.audit import entry
from storage.database.database import Database
from storage.database.statements import Work, load, single
from storage.erased_reasons import erase_reasons
from storage.run_rows import was_dry
from storage.stored_files import StoredFiles

q = load("personal_data")
preferences = load("preferences")
grants = load("tool_grants")
stored_files = load("stored_files")

Kind = Literal["message", "person"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """Something to forget: `subject` is `channel:ts` of a request's message, or a person's id."""

    workspace: str
    kind: Kind
    subject: str


class PersonalData:
    """Export and erase personal data across tables; the only place that deletes texts before their retention ends."""

    def __init__(self, db: Database, clock: Clock, files: StoredFiles) -> None:
        self._db = db
        self._clock = clock
        self._files = files

    async def request_message_erasure(self, *, workspace: str, channel: str, ts: str) -> None:
        """Request that a deleted message be erased; the next `erase_requested` carries it out."""
        await self._ask(Erasure(workspace, "message", f"{channel}:{ts}"), actor="")

    async def request_person_erasure(self, *, workspace: str, user: str, actor: str) -> None:
        """Request that a person's texts be erased, with an audit entry; the next `erase_requested` carries it out."""
        await self._ask(Erasure(workspace, "person", user), actor=actor)

    async def erase_requested(self) -> list[Erasure]:
        """Carry out the requested erasures; return the unfinished ones, a run of which still goes on."""
        unfinished = []
        asked = await self._db.read(lambda: single(q.waiting_erasures()))
        for row in asked:
            erasure = Erasure(row["workspace"], row["kind"], row["subject"])
            if not await self._erase(erasure):
                unfinished.append(erasure)
        if asked:
            await self._files.sweep()
            await self._db.scrub()
        return unfinished

    async def export_person(self, *, workspace: str, user: str) -> dict[str, Any]:
        """Return all that is stored about a person but their files, as plain values: runs, texts, decisions, …."""

        def work() -> Work[dict[str, Any]]:
            rows = yield q.runs_of_person(workspace=workspace, user_id=user)
            runs = [{**row, "dry_run": was_dry(row.pop("options_json"))} for row in map(dict, rows)]
            texts = yield q.contents_of_person(workspace=workspace, user_id=user)
            decided = yield q.decisions_of_person(workspace=workspace, what=f'%"user":"{user}"%')
            ratings = yield q.feedback_of_person(workspace=workspace, user_id=user)
            payloads = yield q.payloads_of_person(workspace=workspace, what=f'%"{user}"%')
            chosen = yield preferences.of_person(workspace=workspace, user_id=user)
            approved = yield grants.of_person(workspace=workspace, user_id=user)
            return {
                "workspace": workspace,
                "user": user,
                "runs": runs,
                "texts": [dict(row) for row in texts],
                "decisions": [{**row, "decision_json": json.loads(row["decision_json"])} for row in decided],
                "ratings": [dict(row) for row in ratings],
                "settings": [dict(row) for row in chosen],
                "approvals_of_tools": [dict(row) for row in approved],
                "stored_deliveries": int(payloads[0]["payloads"]),
            }

        return await self._db.read(work)

    async def export_files(self, *, workspace: str, user: str) -> list[dict[str, Any]]:
        """Return the files that are kept of a person's requests, with their contents as base64."""
        rows = await self._db.read(lambda: single(stored_files.files_of_person(workspace=workspace, user_id=user)))
        found = []
        for row in rows:
            data = await self._files.read(row["id"])
            if data is not None:
                encoded = await asyncio.to_thread(base64.b64encode, data)
                found.append({**row, "data_base64": encoded.decode()})
        return found

    async def record_export(self, *, workspace: str, user: str, actor: str) -> None:
        """Record in the audit log that a person's data were exported."""
        made = entry(self._clock.now_us(), workspace, actor=actor, action="export_person", subject=user)
        await self._db.write(lambda: single(made))

    async def delete_expired(self, *, texts_us: int, attachments_us: int, ratings_us: int) -> None:
        """Delete texts past their retention; each argument is the time before which they go."""

        def work() -> Work[None]:
            yield q.delete_old_texts(before_us=texts_us, material=0)
            yield q.delete_old_texts(before_us=attachments_us, material=1)
            yield q.delete_old_questions(before_us=texts_us)
            yield q.delete_old_feedback(before_us=ratings_us)

        await self._db.write(work, alone=True)
        await self._files.sweep()

    async def _ask(self, erasure: Erasure, *, actor: str) -> None:
        now_us = self._clock.now_us()

        def work() -> Work[None]:
            yield q.ask_erasure(workspace=erasure.workspace, kind=erasure.kind, subject=erasure.subject, now_us=now_us)
            if actor:
                yield entry(now_us, erasure.workspace, actor=actor, action="forget_person", subject=erasure.subject)

        await self._db.write(work)

    async def _erase(self, erasure: Erasure) -> bool:
        workspace, subject = erasure.workspace, erasure.subject
        where = {"workspace": workspace}

        def work() -> Work[bool]:
            if erasure.kind == "message":
                channel, _, ts = subject.partition(":")
                runs = yield q.runs_of_message(key=f"message:{workspace}:{channel}:{ts}", **where)
                what = f'%"{ts}"%'
            else:
                runs = yield q.runs_of_person(user_id=subject, **where)
                what = f'%"{subject}"%'
            runs = [*runs, *(yield q.copies_of_runs(run_ids=[row["id"] for row in runs]))]
            over = [row["id"] for row in runs if row["status"] == "done"]
            for statement in (q.erase_contents, q.erase_questions, q.erase_steps):
                yield statement(run_ids=over)
            yield q.erase_payloads(what=what, **where)
            if erasure.kind == "person":
                yield q.erase_attachments_of_others(what=what, **where)
                yield q.erase_decisions_of(what=f'%"user":"{subject}"%', **where)
                yield q.erase_feedback(user_id=subject, **where)
                yield from erase_reasons(workspace=workspace, user=subject)
                yield preferences.erase(user_id=subject, **where)
                yield grants.erase(user_id=subject, **where)
            waiting = yield q.waiting_payloads(what=what, **where)
            if len(over) < len(runs) or waiting:
                return False
            yield q.erasure_done(kind=erasure.kind, subject=subject, now_us=self._clock.now_us(), **where)
            return True

        return await self._db.write(work, alone=True)

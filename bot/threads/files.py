"""Slack files as agents get them: text, code, CSV, PDF text and pictures, bounded; others are named as left out."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import structlog

from bot.messages.mrkdwn import clip
from bot.runs.material import Attachments
from bot.slack.client import SlackClient
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from bot.threads.downloads import Downloads
from bot.threads.pdf_reader import PdfReader
from bot.threads.pictures import picture_of
from bot.threads.unread import UnreadError
from patterns.core.context import Artifact
from storage.file_bounds import FileBudgetError
from storage.run_rows import RunRow
from storage.stored_files import StoredFiles

log = structlog.get_logger()

FILES_MAX = 10
IMAGES_MAX = 4
TEXT_BYTES_MAX = 1_000_000
PDF_BYTES_MAX = 10_000_000
IMAGE_BYTES_MAX = 3_500_000
"""Bytes; providers accept 5 MB of base64."""
TEXT_CHARS_MAX = 60_000
NAME_CHARS = 120
_PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Files:
    """Reads the files of requests, and stores the pictures among them."""

    slack: Slack
    downloads: Downloads
    stored: StoredFiles
    sees_images: bool
    pdfs: PdfReader = field(default_factory=PdfReader)

    async def read(self, file_ids: Sequence[str], run: RunRow) -> Attachments:
        """Return the files by id, in order, with a sentence for each that was left out."""
        material, pictures, out = Attachments(), 0, self.slack.of(run.workspace)
        for file_id in file_ids[:FILES_MAX]:
            name = file_id
            try:
                file = (await out.call("files.info", file=file_id))["file"]
                name = name_of(file, file_id)
                artifact = await self._artifact(out, file, name, pictures, run)
            except (UnreadError, SlackError, FileBudgetError) as error:
                material += Attachments(left_out=(f"{name} was left out: {_why(error)}.",))
                continue
            pictures += artifact.is_picture
            cut = (f"Of {name} I read the beginning.",) if artifact.text and artifact.note else ()
            material += Attachments(artifacts=(artifact,), read=(name,), left_out=cut)
        if len(file_ids) > FILES_MAX:
            said = f"{len(file_ids) - FILES_MAX} more files were left out: I read {FILES_MAX} for a request."
            material += Attachments(left_out=(said,))
        return material

    async def _artifact(
        self, out: SlackClient, file: Mapping[str, Any], name: str, pictures: int, run: RunRow
    ) -> Artifact:
        kind = str(file.get("mimetype") or "")[:NAME_CHARS]
        if file.get("mode") in {"tombstone", "hidden_by_limit", "external"}:
            raise UnreadError("Slack does not hold it")
        if kind.startswith(("audio/", "video/")):
            raise UnreadError("I do not listen or watch")
        if kind.startswith("image/"):
            if not self.sees_images:
                raise UnreadError("no model here sees pictures")
            if pictures == IMAGES_MAX:
                raise UnreadError(f"I look at {IMAGES_MAX} pictures for a request")
            async with self.downloads.of(out, file, most=IMAGE_BYTES_MAX, person=run.user) as (data, size):
                return await self._picture(name, data, size, run)
        if kind == _PDF:
            async with self.downloads.of(out, file, most=PDF_BYTES_MAX, person=run.user) as (data, _):
                text, is_cut = await self.pdfs.text(data, person=run.user)
        else:
            async with self.downloads.of(out, file, most=TEXT_BYTES_MAX, person=run.user) as (data, _):
                text, is_cut = await asyncio.to_thread(_decoded, data), False
        artifact = _text(name, kind or "text/plain", text, is_cut=is_cut)
        await self.stored.count(run, len(artifact.text.encode(errors="replace")))
        return artifact

    async def _picture(self, name: str, data: BinaryIO, size: int, run: RunRow) -> Artifact:
        kind, digest = await asyncio.to_thread(_looked_at, data)
        try:
            file_id = await self.stored.store(run, data, size)
        except OSError as error:
            log.warning("file_not_kept", run=run.id, error=type(error).__name__)
            raise UnreadError("there is no room for it here; an admin can look at the disk") from error
        note = "a picture, for models that see"
        return Artifact(name=name, media_type=kind, note=note, file=file_id, digest=digest, size=size)


def name_of(file: Mapping[str, Any], file_id: str) -> str:
    """Return a file's name in one line, cut where it is longer than a name."""
    return clip(" ".join(str(file.get("name") or file_id).split()), NAME_CHARS) or file_id


def _looked_at(data: BinaryIO) -> tuple[str, str]:
    """Return the media type of a picture and the SHA-256 of its bytes."""
    found = data.read()
    return picture_of(found).media_type, hashlib.sha256(found).hexdigest()


def _text(name: str, kind: str, text: str, *, is_cut: bool) -> Artifact:
    if not text.strip():
        raise UnreadError("there is no text in it")
    cut = text[:TEXT_CHARS_MAX]
    is_whole = cut == text and not is_cut
    return Artifact(name=name, media_type=kind, text=cut, note="" if is_whole else "only the beginning")


def _decoded(file: BinaryIO) -> str:
    data = file.read()
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:
        raise UnreadError("I read text, code, CSV, PDF and pictures only")
    return text


def _why(error: UnreadError | SlackError | FileBudgetError) -> str:
    if isinstance(error, UnreadError):
        return str(error)
    if isinstance(error, FileBudgetError):
        whose = "your files take" if error.bound == "person" else "the files of this conversation take"
        helps = ", or by “Erase my words” in my home" if error.bound == "person" else ""
        return f"{whose} the {error.most_mb} MB that I keep, until older ones go by themselves{helps}"
    if error.kind == "missing_scope":
        return "the app lacks files:read; an admin can reinstall it with its manifest"
    return "Slack did not hand it over"

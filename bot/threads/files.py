"""Slack files as agents get them: text, code, CSV, PDF text and pictures, bounded; others are named as left out."""

import asyncio
import base64
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from bot.runs.material import Attachments
from bot.slack.client import SlackClient
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from patterns.core.context import Artifact
from patterns.core.errors import AgentsError

log = structlog.get_logger()

FILES_MAX = 10
IMAGES_MAX = 4
TEXT_BYTES_MAX = 1_000_000
PDF_BYTES_MAX = 10_000_000
IMAGE_BYTES_MAX = 3_500_000
"""Bytes; providers accept 5 MB of base64."""
TEXT_CHARS_MAX = 60_000
DOWNLOAD_S = 30
PDF_S = 30
_SIGNATURES = {b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
_PDF = "application/pdf"


class UnreadError(AgentsError):
    """A file was left out; the message says why, after `was left out:`."""


@dataclass(frozen=True, slots=True)
class Files:
    """Reads files with the workspace's token, sent to Slack's hosts only (or `own_host`, where Slack is another)."""

    slack: Slack
    own_host: str
    sees_images: bool

    async def read(self, file_ids: Sequence[str], *, workspace: str) -> Attachments:
        """Return the files by id, in order, with a sentence for each that was left out."""
        material, pictures, out = Attachments(), 0, self.slack.of(workspace)
        for file_id in file_ids[:FILES_MAX]:
            name = file_id
            try:
                file = (await out.call("files.info", file=file_id))["file"]
                name = str(file.get("name") or file_id)
                artifact = await self._artifact(out, file, name, pictures)
            except (UnreadError, SlackError) as error:
                why = str(error) if isinstance(error, UnreadError) else _why(error)
                material += Attachments(left_out=(f"{name} was left out: {why}.",))
                continue
            pictures += bool(artifact.data_base64)
            cut = (f"Of {name} I read the beginning.",) if artifact.text and artifact.note else ()
            material += Attachments(artifacts=(artifact,), read=(name,), left_out=cut)
        if len(file_ids) > FILES_MAX:
            said = f"{len(file_ids) - FILES_MAX} more files were left out: I read {FILES_MAX} for a request."
            material += Attachments(left_out=(said,))
        return material

    async def _artifact(self, out: SlackClient, file: Mapping[str, Any], name: str, pictures: int) -> Artifact:
        kind = str(file.get("mimetype") or "")
        if file.get("mode") in {"tombstone", "hidden_by_limit", "external"}:
            raise UnreadError("Slack does not hold it")
        if kind.startswith(("audio/", "video/")):
            raise UnreadError("I do not listen or watch")
        if kind.startswith("image/"):
            if not self.sees_images:
                raise UnreadError("no model here sees pictures")
            if pictures == IMAGES_MAX:
                raise UnreadError(f"I look at {IMAGES_MAX} pictures for a request")
            return _picture(name, await self._download(out, file, IMAGE_BYTES_MAX))
        if kind == _PDF:
            return _text(name, _PDF, await _pdf_text(await self._download(out, file, PDF_BYTES_MAX)))
        return _text(name, kind or "text/plain", _decoded(await self._download(out, file, TEXT_BYTES_MAX)))

    async def _download(self, out: SlackClient, file: Mapping[str, Any], most: int) -> bytes:
        if int(file.get("size") or 0) > most:
            raise UnreadError(f"it is larger than {most / 1_000_000:g} MB")
        url = str(file.get("url_private_download") or file.get("url_private") or "")
        if not self._is_slack(url):
            raise UnreadError("its address is not Slack's")
        timeout, headers = aiohttp.ClientTimeout(total=DOWNLOAD_S), {"Authorization": f"Bearer {await out.token()}"}
        # A redirect could send the token anywhere, so none is followed.
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                is_page = answer.content_type == "text/html" and file.get("mimetype") != "text/html"
                if answer.status != 200 or is_page:  # noqa: PLR2004 - HTTP
                    raise UnreadError("Slack did not hand it over; the app may lack files:read")
                data = b""
                async for chunk in answer.content.iter_chunked(1 << 16):
                    data += chunk
                    if len(data) > most:
                        raise UnreadError(f"it is larger than {most / 1_000_000:g} MB")
                return data
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("file_not_downloaded", file=file.get("id"), error=type(error).__name__)
            raise UnreadError("Slack did not hand it over") from error

    def _is_slack(self, url: str) -> bool:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_real = parts.scheme == "https" and (host == "slack.com" or host.endswith((".slack.com", ".slack-files.com")))
        return is_real or (bool(self.own_host) and parts.netloc == self.own_host)


def _picture(name: str, data: bytes) -> Artifact:
    kind = next((kind for sign, kind in _SIGNATURES.items() if data.startswith(sign)), "")
    if not kind:
        raise UnreadError("I see PNG, JPEG, GIF and WebP only")
    encoded = base64.b64encode(data).decode()
    return Artifact(name=name, media_type=kind, data_base64=encoded, note="a picture, for models that see")


def _text(name: str, kind: str, text: str) -> Artifact:
    if not text.strip():
        raise UnreadError("there is no text in it")
    cut = text[:TEXT_CHARS_MAX]
    return Artifact(name=name, media_type=kind, text=cut, note="" if cut == text else "only the beginning")


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:
        raise UnreadError("I read text, code, CSV, PDF and pictures only")
    return text


async def _pdf_text(data: bytes) -> str:
    """Return the text of a PDF, read by a process with a time limit."""
    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.threads.pdf_text",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(PDF_S):
            text, _ = await reader.communicate(data)
    except TimeoutError:
        raise UnreadError("reading it took too long") from None
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    if reader.returncode != 0:
        raise UnreadError("it is damaged, locked or too large to read")
    return text.decode()


def _why(error: SlackError) -> str:
    if error.kind == "missing_scope":
        return "the app lacks files:read; an admin can reinstall it with its manifest"
    return "Slack did not hand it over"

"""Downloads of Slack's files into temporary files, a few at once; the token goes to Slack's hosts only."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import aiohttp
import structlog

from bot.slack.client import SlackClient
from bot.threads.fair_places import FairPlaces
from bot.threads.unread import UnreadError

log = structlog.get_logger()

DOWNLOAD_S = 30
AT_ONCE, PER_PERSON = 4, 2
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Downloads:
    """Downloads with the workspace's token, sent to Slack's hosts only (or `own_host`, where Slack is another)."""

    own_host: str
    places: FairPlaces = field(default_factory=lambda: FairPlaces(AT_ONCE, per_person=PER_PERSON))

    @asynccontextmanager
    async def of(
        self, out: SlackClient, file: Mapping[str, Any], *, most: int, person: str
    ) -> AsyncIterator[tuple[BinaryIO, int]]:
        """Yield a temporary file with a file's bytes, at its beginning, and their number; it goes with the block.

        Raises:
            UnreadError: it is too large, Slack does not hand it over, or there is no room for it here.
        """
        if int(file.get("size") or 0) > most:
            raise _too_large(most)
        url = str(file.get("url_private_download") or file.get("url_private") or "")
        if not self._is_slack(url):
            raise UnreadError("its address is not Slack's")
        with await asyncio.to_thread(tempfile.TemporaryFile) as opened:
            kept = cast("BinaryIO", opened)
            async with self.places.place(person):
                size = await _download(url, await out.token(), file, kept, most)
            kept.seek(0)
            yield kept, size

    def _is_slack(self, url: str) -> bool:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_real = parts.scheme == "https" and (host == "slack.com" or host.endswith((".slack.com", ".slack-files.com")))
        return is_real or (bool(self.own_host) and parts.netloc == self.own_host)


async def _download(url: str, token: str, file: Mapping[str, Any], kept: BinaryIO, most: int) -> int:
    timeout, headers = aiohttp.ClientTimeout(total=DOWNLOAD_S), {"Authorization": f"Bearer {token}"}
    size = 0
    # A redirect could send the token anywhere, so none is followed.
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            is_page = answer.content_type == "text/html" and file.get("mimetype") != "text/html"
            if answer.status != 200 or is_page:  # noqa: PLR2004 - HTTP
                raise UnreadError("Slack did not hand it over; the app may lack files:read")
            async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                await asyncio.to_thread(kept.write, chunk)
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("file_not_downloaded", file=file.get("id"), error=type(error).__name__)
        raise UnreadError("Slack did not hand it over") from error
    except OSError as error:
        log.warning("file_not_kept", file=file.get("id"), error=type(error).__name__)
        raise UnreadError("there is no room for it here; an admin can look at the disk") from error
    return size


def _too_large(most: int) -> UnreadError:
    return UnreadError(f"it is larger than {most / 1_000_000:g} MB")

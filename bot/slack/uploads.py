"""Files into threads, in Slack's three steps: get an address, send the bytes, complete the upload."""

from dataclasses import dataclass

import aiohttp

from bot.slack.client import SlackClient
from bot.slack.errors import SlackError

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Upload:
    """One file. `alt_text` describes a picture for screen readers."""

    name: str
    title: str
    data: bytes
    alt_text: str = ""


async def upload(out: SlackClient, files: list[Upload], *, channel: str, thread_ts: str | None) -> None:
    """Put files into a thread, in one message.

    Raises:
        SlackError: they could not be uploaded; nothing is shown then.
    """
    ids = []
    for file in files:
        described = {"alt_txt": file.alt_text} if file.alt_text else {}
        place = await out.call("files.getUploadURLExternal", filename=file.name, length=len(file.data), **described)
        await _send(str(place["upload_url"]), file.data)
        ids.append({"id": place["file_id"], "title": file.title})
    thread = {"thread_ts": thread_ts} if thread_ts else {}
    await out.call("files.completeUploadExternal", files=ids, channel_id=channel, **thread)


async def _send(url: str, data: bytes) -> None:
    """Send the bytes. The address is its own permission: no token is sent, and no redirect is followed."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=data, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SlackError("unreachable", code="upload", method="files.completeUploadExternal") from error
    if status != 200:  # noqa: PLR2004 - HTTP
        raise SlackError("refused", code=f"upload_{status}", method="files.completeUploadExternal")

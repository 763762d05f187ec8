"""Text of PDFs, read by separate programs with small limits: two at once, one for a person."""

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from typing import BinaryIO

from bot.threads.fair_places import FairPlaces
from bot.threads.pdf_text import CUT
from bot.threads.unread import UnreadError

READERS = 2
PDF_S = 30


@dataclass(frozen=True, slots=True)
class PdfReader:
    """Reads PDFs; whoever comes third waits."""

    places: FairPlaces = field(default_factory=lambda: FairPlaces(READERS))

    async def text(self, file: BinaryIO, *, person: str) -> tuple[str, bool]:
        """Return the text of a PDF, and whether it is only the beginning.

        Raises:
            UnreadError: it cannot be read within the limits.
        """
        async with self.places.place(person):
            return await _read(file)


async def _read(file: BinaryIO) -> tuple[str, bool]:
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.threads.pdf_text"),
        stdin=file,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(PDF_S):
            text, _ = await reader.communicate()
    except TimeoutError:
        raise UnreadError("reading it took too long") from None
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    if reader.returncode == -signal.SIGXCPU:
        raise UnreadError("reading it took too long")
    if reader.returncode not in (0, CUT):
        raise UnreadError("it is damaged, locked or too large to read")
    return text.decode(), reader.returncode == CUT

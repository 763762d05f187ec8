"""What files cost a bot: growth of its database, how long its loop stands still, and the memory of its readers.

python -m tests.bench.files             # four pictures of 3.4 MB that nobody pays for, then twelve PDFs
python -m tests.bench.files --tree DIR  # the same of another checkout, for a before and after

The whole bot runs in the bench's process, over a double of Slack. A PDF unpacks to 34 MB.
"""

import argparse
import asyncio
import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import House, open_house

HERE = Path(__file__).parents[2]
PICTURES, PICTURE_BYTES, PDFS = 4, 3_400_000, 12
LOOK_S, GIVEN_UP_S = 0.005, 120
ENOUGH = "extends: shipped\nbudgets: {new_channels: on, default_channel_usd: 1000, workspace_usd: 1000}\n"
PARKED = "SELECT COUNT(*) FROM run WHERE status = 'parked'"
OVER = "SELECT COUNT(*) FROM run WHERE status = 'done'"


def picture() -> bytes:
    """Return a PNG of about that many bytes that nothing can pack."""
    side = int((PICTURE_BYTES / 3) ** 0.5)
    rows = b"".join(b"\x00" + os.urandom(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def pdf() -> bytes:
    """Return a PDF of some 34 KB whose page unpacks to 34 MB."""
    packed = zlib.compress(b"BT /F1 12 Tf (Ship) Tj ET " + b" " * 34_000_000, 9)
    content = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        content,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(body),
    )


@dataclass
class Watch:
    """Looks at the loop and at the readers while something goes on."""

    stalled_s: float = 0.0
    readers: int = 0
    memory_bytes: int = 0
    _task: asyncio.Task[None] = field(init=False)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _look(self) -> None:
        at = time.perf_counter()
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.perf_counter()
            self.stalled_s = max(self.stalled_s, now - at - LOOK_S)
            readers = [child for child in _children() if b"pdf_text" in _read(child / "cmdline")]
            self.readers = max(self.readers, len(readers))
            self.memory_bytes = max(self.memory_bytes, sum(map(_resident, readers)))
            at = time.perf_counter()


def _children() -> list[Path]:
    ids = _read(Path(f"/proc/self/task/{os.getpid()}/children")).split()
    return [Path(f"/proc/{int(one)}") for one in ids]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _resident(process: Path) -> int:
    parts = _read(process / "statm").split()
    return int(parts[1]) * os.sysconf("SC_PAGE_SIZE") if parts else 0


def size_of(folder: Path, *, contents: bool) -> int:
    """Return the bytes of the database with its log, or of what is kept beside it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files if path.parent.name.endswith("-files") == contents)


async def ask(slack: SlackServer, number: int, files: list[tuple[str, str, bytes]]) -> None:
    facts = []
    for name, mimetype, content in files:
        file_id = slack.workspace.number("F0")
        url = f"{slack.base}/{slack.workspace.team}/file/{file_id}"
        fact = {"id": file_id, "name": name, "mimetype": mimetype, "size": len(content)}
        slack.workspace.files[file_id] = {**fact, "url_private_download": url, "content": content}
        facts.append(fact)
    more = {"files": facts, "subtype": "file_share"}
    await slack.say(f"<@{BOT_USER}> use answer: what is this, {number}?", more=more)


async def until(house: House, counted: str, runs: int) -> None:
    async with asyncio.timeout(GIVEN_UP_S):
        while house.ledger(counted) < runs:  # noqa: ASYNC110 - another task writes it
            await asyncio.sleep(0.05)


async def pictures(slack: SlackServer, provider: Provider, folder: Path) -> None:
    async with open_house(api_url=slack.url, provider=provider, folder=folder, roster=ENOUGH) as house:
        before = size_of(folder, contents=False)
        sent = [(f"{number}.png", "image/png", picture()) for number in range(PICTURES)]
        async with Watch() as watch:
            await ask(slack, 0, sent)
            await until(house, PARKED, 1)
        grown, beside = size_of(folder, contents=False) - before, size_of(folder, contents=True)
        (run,) = await house.bot.engine.store.recent("T0AGENTS", "U0DANA", most=1)
        await house.bot.executor.stop(run, by="U0DANA")
        await until(house, OVER, 1)
        with contextlib.suppress(AttributeError):
            await house.bot.engine.files.sweep()
        left = size_of(folder, contents=False) - before + size_of(folder, contents=True)
        print(
            f"  {PICTURES} pictures of {PICTURE_BYTES / 1e6:.1f} MB, asked about and given up for $0: the database grew"
            f" by {grown / 1e6:.1f} MB, {beside / 1e6:.1f} MB beside it; {left / 1e6:.1f} MB in all after it;"
            f" the loop stood still for {watch.stalled_s * 1000:.0f} ms at most",
            flush=True,
        )


async def pdfs(slack: SlackServer, provider: Provider, folder: Path) -> None:
    file = pdf()
    async with open_house(api_url=slack.url, provider=provider, folder=folder, roster=ENOUGH) as house:
        begun = time.perf_counter()
        async with Watch() as watch:
            for number in range(PDFS):
                await ask(slack, number, [(f"{number}.pdf", "application/pdf", file)])
            await until(house, OVER, PDFS)
        print(
            f"  {PDFS} PDFs of {len(file) / 1000:.0f} KB: {watch.readers} readers at once with"
            f" {watch.memory_bytes / 1e6:.0f} MB; all answered after {time.perf_counter() - begun:.1f} s;"
            f" the loop stood still for {watch.stalled_s * 1000:.0f} ms at most",
            flush=True,
        )


async def main() -> None:
    for measured in (pictures, pdfs):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "data"
            folder.mkdir()
            async with SlackServer() as slack, Provider(Team()) as provider:
                await measured(slack, provider, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=HERE, help="the checkout that is measured")
    tree = parser.parse_args().tree.resolve()
    if tree == HERE or os.environ.get("PYTHONPATH", "").startswith(f"{tree}:"):
        asyncio.run(main())
    else:
        env = {**os.environ, "PYTHONPATH": f"{tree}:{HERE}"}
        subprocess.run([sys.executable, "-P", __file__, "--tree", str(tree)], cwd=tree, env=env, check=True)

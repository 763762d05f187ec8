"""Files on their way to agents: which are read, which are left out and why, and where the token may go."""

import asyncio
import hashlib
import io
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, BinaryIO, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pypdf import PdfWriter

from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from bot.threads import pdf_reader
from bot.threads.downloads import Downloads
from bot.threads.files import FILES_MAX, IMAGES_MAX, NAME_CHARS, TEXT_CHARS_MAX, Files
from patterns.core.context import Artifact
from storage.file_bounds import FileBudgetError
from storage.run_rows import RunRow
from storage.stored_files import StoredFiles
from tests.support.pictures import png

TOKEN, WORKSPACE = "xoxb-test", "T1"
PNG = png()
RUN = RunRow(
    id="r1",
    workspace=WORKSPACE,
    channel="C1",
    channel_kind="channel",
    thread_ts="",
    root_ts="",
    user="U1",
    kind="slack",
    flow="",
    options={},
    status="running",
    stop_reason="",
    epoch=1,
    roster_hash="h",
    executed_ms=0,
    worst_nusd=0,
    cost_nusd=0,
    created_us=0,
    finished_us=None,
    cancel_requested_by=None,
)


class Store:
    """Slack's files: `files.info` as a method, the bytes over HTTP to whoever brings the token."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.bytes: dict[str, bytes] = {}
        self.tokens: list[str | None] = []
        self.host = ""

    def add(self, name: str, data: bytes, mimetype: str, **facts: Any) -> str:
        file_id = f"F{len(self.files)}"
        self.bytes[file_id] = data
        url = f"http://{self.host}/{file_id}"
        plain = {"id": file_id, "name": name, "mimetype": mimetype, "size": len(data), "url_private_download": url}
        self.files[file_id] = plain | facts
        return file_id

    def of(self, workspace: str) -> "Store":
        assert workspace == WORKSPACE
        return self

    async def token(self) -> str:
        return TOKEN

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        assert method == "files.info"
        found = self.files[arguments["file"]]
        if "error" in found:
            raise SlackError.of(found["error"], method)
        return {"file": found}

    async def serve(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization"))
        name = request.match_info["id"]
        if name == "moved":
            raise web.HTTPFound("/F0")
        if name == "login":
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        return web.Response(body=self.bytes[name])


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = Store()
    app = web.Application()
    app.router.add_get("/{id}", store.serve)
    async with TestServer(app) as server:
        store.host = f"{server.host}:{server.port}"
        yield store


class Stored:
    """Stored files, without a database: their bytes by id, and how many more may come."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.counted: list[int] = []
        self.left = 10**9
        self.fails: Exception | None = None

    async def count(self, run: RunRow, size: int) -> str:
        assert run == RUN
        if sum(self.counted) + size > self.left:
            raise FileBudgetError("person", 100)
        self.counted.append(size)
        return f"f{len(self.counted)}"

    async def store(self, run: RunRow, source: BinaryIO, size: int) -> str:
        if self.fails is not None:
            raise self.fails
        file_id = await self.count(run, size)
        source.seek(0)
        self.contents[file_id] = source.read()
        return file_id


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def files(store: Store, stored: Stored) -> Files:
    return Files(cast("Slack", store), Downloads(store.host), cast("StoredFiles", stored), sees_images=True)


def pdf(text: str, *, pages: int = 1) -> bytes:
    """Return pages with a text each, as small as PDF allows."""
    content = f"BT /F1 12 Tf 9 9 Td ({text}) Tj ET".encode()
    return pdf_of(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content), pages)


def bomb() -> bytes:
    """Return a page of a few kilobytes whose content unpacks to 200 MB, twice packed."""
    packed = zlib.compress(zlib.compress(b" " * 200_000_000, 9), 9)
    filters = b"/Filter[/FlateDecode/FlateDecode]"
    return pdf_of(b"<</Length %d%s>>stream\n%s\nendstream" % (len(packed), filters, packed), 1)


def pdf_of(content: bytes, pages: int) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 3 0 R/Resources<</Font<</F1 4 0 R>>>>>>"
    kids = b" ".join(b"%d 0 R" % number for number in range(5, 5 + pages))
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
        content,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *[page] * pages,
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, part in enumerate(parts, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(parts) + 1
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer


def locked_pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(9, 9)
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "mimetype", "data", "text"),
    [
        ("notes.md", "text/markdown", "# Größe".encode(), "# Größe"),
        ("rows.csv", "text/csv", b"\xef\xbb\xbfa,b\n1,2", "a,b\n1,2"),
        ("main.rs", "application/octet-stream", b"fn main() {}", "fn main() {}"),
        ("old.txt", "text/plain", "hé".encode("utf-16"), "hé"),
        ("plan.pdf", "application/pdf", pdf("Ship on Monday"), "Ship on Monday\n"),
    ],
)
async def test_text_of_many_kinds_is_read(
    store: Store, files: Files, name: str, mimetype: str, data: bytes, text: str
) -> None:
    material = await files.read([store.add(name, data, mimetype)], RUN)
    assert (Artifact(name=name, media_type=mimetype, text=text),) == material.artifacts
    assert f"Read {name}." == material.read_words
    assert [f"Bearer {TOKEN}"] == store.tokens


async def test_pictures_go_to_models_that_see(store: Store, files: Files, stored: Stored) -> None:
    material = await files.read([store.add("chart.png", PNG, "image/gif")], RUN)
    (picture,) = material.artifacts
    assert (picture.media_type, stored.contents[picture.file]) == ("image/png", PNG)
    assert (picture.digest, picture.size) == (hashlib.sha256(PNG).hexdigest(), len(PNG))
    assert len(material.model_dump_json()) < 500


async def test_bytes_are_bounded_and_the_way_out_is_said(store: Store, files: Files, stored: Stored) -> None:
    stored.left = len(PNG) + 5
    ids = [store.add("a.png", PNG, "image/png"), store.add("b.png", PNG, "image/png")]
    ids += [store.add("c.txt", b"12345", "text/plain"), store.add("d.txt", b"1", "text/plain")]
    material = await files.read(ids, RUN)
    full = (
        "your files take the 100 MB that I keep, until older ones go by themselves, or by “Erase my words” in my home"
    )
    assert material.read == ("a.png", "c.txt")
    assert material.left_out == (f"b.png was left out: {full}.", f"d.txt was left out: {full}.")


async def test_a_full_disk_leaves_a_picture_out(store: Store, files: Files, stored: Stored) -> None:
    stored.fails = OSError(28, "No space left on device")
    material = await files.read([store.add("chart.png", PNG, "image/png")], RUN)
    no_room = "there is no room for it here; an admin can look at the disk"
    assert material.left_out == (f"chart.png was left out: {no_room}.",)


async def test_a_name_is_one_line_and_no_longer_than_a_name(store: Store, files: Files) -> None:
    ids = [store.add("a\nb " + "x" * 100_000, b"text", "text/plain"), store.add(" \n ", b"text", "text/plain")]
    material = await files.read(ids, RUN)
    first, second = (artifact.name for artifact in material.artifacts)
    assert (first[:6], len(first), second) == ("a b xx", NAME_CHARS, "F1")


async def test_pictures_are_left_out_where_no_model_sees(store: Store) -> None:
    blind = Files(cast("Slack", store), Downloads(store.host), cast("StoredFiles", Stored()), sees_images=False)
    material = await blind.read([store.add("chart.png", PNG, "image/png")], RUN)
    assert " ".join(material.left_out) == "chart.png was left out: no model here sees pictures."
    assert store.tokens == []


@pytest.mark.parametrize(
    ("mimetype", "data", "facts", "why"),
    [
        ("video/mp4", b"x", {}, "I do not listen or watch"),
        ("application/zip", b"PK\x03\x04\x00\xff", {}, "I read text, code, CSV, PDF and pictures only"),
        ("text/plain", b"\xff\xff\xff", {}, "I read text, code, CSV, PDF and pictures only"),
        ("text/plain", b"  \n", {}, "there is no text in it"),
        ("text/plain", b"x", {"size": 1_000_001}, "it is larger than 1 MB"),
        ("text/plain", b"x" * 1_000_001, {"size": 1}, "it is larger than 1 MB"),
        ("image/png", b"not a picture", {}, "I see PNG, JPEG, GIF and WebP only"),
        ("image/png", png(2, claims=(9_000, 9_000)), {},
         "it has 9,000 by 9,000 pixels; I look at up to 8,000 a side and 40 million in all"),
        ("image/png", PNG[:-1], {}, "the picture is damaged"),
        ("application/pdf", bomb(), {}, "it is damaged, locked or too large to read"),
        ("application/pdf", b"%PDF-1.4 nonsense", {}, "it is damaged, locked or too large to read"),
        ("application/pdf", locked_pdf(), {}, "it is damaged, locked or too large to read"),
        ("text/plain", b"x", {"mode": "tombstone"}, "Slack does not hold it"),
        ("text/plain", b"x", {"error": "missing_scope"},
         "the app lacks files:read; an admin can reinstall it with its manifest"),
        ("text/plain", b"x", {"error": "file_not_found"}, "Slack did not hand it over"),
    ],
)  # fmt: skip
async def test_what_is_left_out_is_said(
    store: Store, files: Files, mimetype: str, data: bytes, facts: dict[str, Any], why: str
) -> None:
    material = await files.read([store.add("thing", data, mimetype, **facts)], RUN)
    assert material.artifacts == ()
    assert (
        " ".join(material.left_out).removeprefix("thing was left out: ").removeprefix("F0 was left out: ") == f"{why}."
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://files.slack.com.evil.example/F0", "its address is not Slack's"),
        ("http://files.slack.com/F0", "its address is not Slack's"),
        ("", "its address is not Slack's"),
        ("http://{host}/moved", "Slack did not hand it over; the app may lack files:read"),
        ("http://{host}/login", "Slack did not hand it over; the app may lack files:read"),
    ],
)
async def test_the_token_goes_to_slack_only_and_follows_nobody(store: Store, files: Files, url: str, why: str) -> None:
    file_id = store.add("notes.md", b"secret plans", "text/markdown")
    store.files[file_id]["url_private_download"] = url.format(host=store.host)
    material = await files.read([file_id], RUN)
    assert " ".join(material.left_out) == f"notes.md was left out: {why}."
    assert len(store.tokens) == ("{host}" in url)


async def test_a_long_text_is_cut_and_too_many_files_are_counted(store: Store, files: Files) -> None:
    long = store.add("log.txt", b"x" * (TEXT_CHARS_MAX + 1), "text/plain")
    others = [store.add(f"{n}.txt", b"x", "text/plain") for n in range(FILES_MAX + 1)]
    material = await files.read([long, *others], RUN)
    assert len(material.artifacts) == FILES_MAX
    assert len(material.artifacts[0].text) == TEXT_CHARS_MAX
    assert material.left_out == (
        "Of log.txt I read the beginning.",
        f"2 more files were left out: I read {FILES_MAX} for a request.",
    )


async def test_of_many_pages_the_first_are_read(store: Store, files: Files) -> None:
    material = await files.read([store.add("book.pdf", pdf("Ship on Monday", pages=150), "application/pdf")], RUN)
    assert material.artifacts[0].text == "Ship on Monday\n" * 100
    assert material.left_out == ("Of book.pdf I read the beginning.",)


async def test_pdfs_of_one_person_are_read_one_after_the_other(
    store: Store, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, most = 0, 0
    real = pdf_reader._read

    async def counted(file: BinaryIO) -> tuple[str, bool]:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        found = await real(file)
        reading -= 1
        return found

    monkeypatch.setattr(pdf_reader, "_read", counted)
    ids = [store.add(f"{n}.pdf", pdf("Ship"), "application/pdf") for n in range(3)]
    await asyncio.gather(*(files.read([file_id], RUN) for file_id in ids))
    assert most == 1


async def test_more_pictures_than_a_model_takes_are_left_out(store: Store, files: Files) -> None:
    ids = [store.add(f"{n}.png", PNG, "image/png") for n in range(IMAGES_MAX + 1)]
    material = await files.read(ids, RUN)
    assert len(material.artifacts) == IMAGES_MAX
    assert material.left_out == (f"{IMAGES_MAX}.png was left out: I look at {IMAGES_MAX} pictures for a request.",)

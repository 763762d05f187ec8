"""Files on their way to agents: which are read, which are left out and why, and where the token may go."""

import io
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pypdf import PdfWriter

from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from bot.threads.files import FILES_MAX, IMAGES_MAX, TEXT_CHARS_MAX, Files
from patterns.core.context import Artifact

TOKEN, WORKSPACE = "xoxb-test", "T1"
PNG = b"\x89PNG\r\n\x1a\n0000"


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


@pytest.fixture
def files(store: Store) -> Files:
    return Files(cast("Slack", store), store.host, sees_images=True)


def pdf(text: str) -> bytes:
    """A page with text, as small as PDF allows."""
    content = f"BT /F1 12 Tf 9 9 Td ({text}) Tj ET".encode()
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, part in enumerate(parts, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


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
    material = await files.read([store.add(name, data, mimetype)], workspace=WORKSPACE)
    assert (Artifact(name=name, media_type=mimetype, text=text),) == material.artifacts
    assert f"Read {name}." == material.read_words
    assert [f"Bearer {TOKEN}"] == store.tokens


async def test_pictures_go_to_models_that_see(store: Store, files: Files) -> None:
    material = await files.read([store.add("chart.png", PNG, "image/png")], workspace=WORKSPACE)
    (picture,) = material.artifacts
    assert (picture.media_type, picture.data_base64) == ("image/png", "iVBORw0KGgowMDAw")


async def test_pictures_are_left_out_where_no_model_sees(store: Store) -> None:
    blind = Files(cast("Slack", store), store.host, sees_images=False)
    material = await blind.read([store.add("chart.png", PNG, "image/png")], workspace=WORKSPACE)
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
    material = await files.read([store.add("thing", data, mimetype, **facts)], workspace=WORKSPACE)
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
    material = await files.read([file_id], workspace=WORKSPACE)
    assert " ".join(material.left_out) == f"notes.md was left out: {why}."
    assert len(store.tokens) == ("{host}" in url)


async def test_a_long_text_is_cut_and_too_many_files_are_counted(store: Store, files: Files) -> None:
    long = store.add("log.txt", b"x" * (TEXT_CHARS_MAX + 1), "text/plain")
    others = [store.add(f"{n}.txt", b"x", "text/plain") for n in range(FILES_MAX + 1)]
    material = await files.read([long, *others], workspace=WORKSPACE)
    assert len(material.artifacts) == FILES_MAX
    assert len(material.artifacts[0].text) == TEXT_CHARS_MAX
    assert material.left_out == (
        "Of log.txt I read the beginning.",
        f"2 more files were left out: I read {FILES_MAX} for a request.",
    )


async def test_more_pictures_than_a_model_takes_are_left_out(store: Store, files: Files) -> None:
    ids = [store.add(f"{n}.png", PNG, "image/png") for n in range(IMAGES_MAX + 1)]
    material = await files.read(ids, workspace=WORKSPACE)
    assert len(material.artifacts) == IMAGES_MAX
    assert material.left_out == (f"{IMAGES_MAX}.png was left out: I look at {IMAGES_MAX} pictures for a request.",)

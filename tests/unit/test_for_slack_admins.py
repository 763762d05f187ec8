"""The page for admins of Slack says of each scope of the manifest why, in the words of the program, and of no other."""

import re
from pathlib import Path

import yaml

from bot.messages.scopes import SCOPES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "for-slack-admins.md").read_text("utf-8")
ROW = re.compile(
    r"^\| `(?P<scope>[a-z_]+(?::[a-z.]+)?)`(?P<optional> \(optional\))? \| (?P<why>.+?) \| (?P<off>.+?) \|$",
    re.MULTILINE,
)


def test_its_scopes_are_those_of_the_manifest_with_the_reasons_that_people_read() -> None:
    asked = yaml.safe_load((ROOT / "manifest.yml").read_text("utf-8"))["oauth_config"]["scopes"]
    rows = {row["scope"]: row for row in ROW.finditer(PAGE)}
    assert list(rows) == asked["bot"]
    assert [scope for scope, row in rows.items() if row["optional"]] == asked["bot_optional"]
    for scope, row in rows.items():
        assert (row["why"], row["off"]) == (SCOPES[scope].purpose, SCOPES[scope].without)


def test_people_find_it() -> None:
    assert "docs/for-slack-admins.md" in (ROOT / "README.md").read_text("utf-8")
    assert "for-slack-admins.md" in (ROOT / "docs" / "install.md").read_text("utf-8")


def test_the_days_it_names_are_the_defaults() -> None:
    assert "Texts and attachments are kept\nfor 90 days, Slack's deliveries for 7, ratings for 400" in PAGE

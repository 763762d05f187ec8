"""The written instructions name only commands and files that exist, so that nobody types one in vain."""

import re
from pathlib import Path

import click
import pytest

from bot.cli.main import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / name
    for name in (
        "CONTRIBUTING.md",
        "docs/install.md",
        "docs/roster.md",
        "docs/tools.md",
        "docs/operations.md",
        "docs/runs.md",
        "docs/architecture.md",
        ".env.example",
    )
]
COMMAND = re.compile(r"(?:^|`|bin/)agents ([a-z]+)(?: ([a-z]+)\b)?", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_shell_command_exists(document: Path) -> None:
    unknown = []
    for first, second in COMMAND.findall(document.read_text("utf-8")):
        command = main.commands.get(first)
        if command is None or (isinstance(command, click.Group) and second not in command.commands):
            unknown.append(f"agents {first} {second}")
    assert unknown == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_linked_file_exists(document: Path) -> None:
    links = LINK.findall(document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []

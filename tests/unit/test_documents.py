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
NAMES_TESTS = [ROOT / "SECURITY.md", ROOT / "docs" / "operations.md"]
TESTED_BY = re.compile(r"`(tests/[\w/]+\.py)`")
TARGET = re.compile(r"`make (\w+)")
PROGRAM = re.compile(r"`python -m ([\w.]+)")
NAMED_TEST = re.compile(r"`(\w+)_…`")
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


@pytest.mark.parametrize("document", NAMES_TESTS, ids=lambda path: path.name)
def test_every_test_that_a_promise_names_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    files = TESTED_BY.findall(text)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    missing = [name for name in files if not (ROOT / name).exists()]
    missing += [name for name in TARGET.findall(text) if f"\n{name}:" not in makefile]
    missing += [name for name in PROGRAM.findall(text) if not _is_program(name)]
    assert (missing, len(files) > 10) == ([], True)


def _is_program(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_every_promise_of_security_has_its_test() -> None:
    table = (
        (ROOT / "SECURITY.md").read_text("utf-8").partition("## How each promise is tested")[2].partition("\n## ")[0]
    )
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    untested = [promise for _, promise, tested, _ in rows if not TESTED_BY.search(tested)]
    assert (untested, len(rows) > 10) == ([], True)


def test_every_fault_of_the_tables_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    known = "\n".join(
        (ROOT / "tests" / "integration" / f"test_{name}_faults.py").read_text("utf-8") for name in ("slack", "host")
    )
    named = NAMED_TEST.findall(text)
    assert ([name for name in named if f"def test_{name}" not in known], len(named) > 15) == ([], True)

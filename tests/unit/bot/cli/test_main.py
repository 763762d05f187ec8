"""The command line itself: instant help, and errors that are sentences."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bot.cli.main import main
from patterns.core.errors import UserError

PROJECT = Path(__file__).parents[4]
HEAVY = ("aiohttp", "aiosqlite", "apscheduler", "litellm", "psycopg", "pydantic", "slack_bolt", "slack_sdk", "yaml")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        here = (*path, name)
        found.append(here)
        if isinstance(command, click.Group):
            found += commands(command, here)
    return found


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys, bot.cli; print([name for name in {HEAVY} if name in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize("path", [(), *commands(main)], ids=" ".join)
def test_everything_has_help(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(main, [*path, "--help"])
    assert told.exit_code == 0
    sentence = told.output.splitlines()[2].strip()
    assert sentence[:1].isupper()


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (UserError("Do this instead."), "agents: Do this instead.\n", 1),
        (PermissionError(13, "Permission denied", "/x"), "agents: [Errno 13] Permission denied: '/x'\n", 1),
        (KeyboardInterrupt(), "", 130),
    ],
)
def test_an_error_is_a_sentence(monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str, code: int) -> None:
    def failing(**_: object) -> None:
        raise error

    monkeypatch.setattr(main.commands["verify"], "callback", failing)
    told = CliRunner().invoke(main, ["verify"])
    assert (told.stderr, told.exit_code) == (said, code)


def test_bytes_that_are_no_text_reach_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(main.commands["ask"], "callback", lambda **options: asked.append(options))
    CliRunner().invoke(main, ["ask", "--channel", "C1\udcff", "why\udcff\x00"])
    assert [(options["channel"], options["request"]) for options in asked] == [("C1?", "why?\N{REPLACEMENT CHARACTER}")]


def _commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, *path, name)


COMMANDS = dict(_commands(main))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_no_sign_that_is_for_the_program_that_prints_it(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"]).output
    assert "\\b" not in shown

"""A run read and replayed by somebody with another provider's key, or with none: by the models that the run kept."""

import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.provider import Provider
from tests.fakes.team import Team
from tests.support.shells import Shell

NO_KEY = {"OPENAI_API_KEY": "", "OPENAI_API_BASE": ""}
pytestmark = pytest.mark.timeout(300)  # each test is many processes
SAME_AS_FAR = "What could be checked came out the same."
SAME = "Everything that is stored came out the same, byte for byte."


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with Provider(Team()) as provider:
        yield Shell(tmp_path, provider.api_base("openai"))


@pytest.fixture
def anthropic(shell: Shell) -> dict[str, str]:
    """The environment of somebody who has Anthropic's key alone."""
    base = shell.api_base.removesuffix("/v1")
    return {**NO_KEY, "ANTHROPIC_API_KEY": "sk-ant-of-the-double", "ANTHROPIC_API_BASE": base}


async def asked(shell: Shell, *words: str, env: dict[str, str] | None = None) -> str:
    answered = await shell.run("ask", *words, "--json", env=env)
    assert answered.code == 0, answered.err
    return str(json.loads(answered.out)["run_id"])


async def test_every_run_is_told_by_the_models_that_answered_it(shell: Shell, anthropic: dict[str, str]) -> None:
    first = await asked(shell, "--flow", "decide", "SQLite?")
    second = await asked(shell, "PostgreSQL?", env=anthropic)
    for env in (anthropic, NO_KEY):
        replayed = await shell.run("replay", "--all", env=env)
        assert (replayed.code, replayed.out.count(SAME)) == (0, 2), replayed.out
        shown = await shell.run("show", first, "--texts", env=env)
        assert "openai/gpt-5-mini" in shown.out
        assert "anthropic" not in shown.out
        assert "cannot be rebuilt" not in shown.out
    assert "anthropic/claude-haiku-4-5" in (await shell.run("show", second)).out
    statistics = (await shell.run("stats", env=NO_KEY)).out
    assert "openai/gpt-5-mini" in statistics
    assert "anthropic/claude-haiku-4-5" in statistics
    bills = csv.DictReader(
        (await shell.run("export", "calls", "--month", month(shell), env=anthropic)).out.splitlines()
    )
    assert {(bill["run"], bill["model"]) for bill in bills} == {
        (first, "openai/gpt-5-mini"),
        (first, "openai/gpt-5.2"),
        (second, "anthropic/claude-haiku-4-5"),
    }


async def test_an_older_run_says_which_names_are_the_roster_s(shell: Shell, anthropic: dict[str, str]) -> None:
    run = await asked(shell, "--flow", "decide", "--yes", "SQLite?")
    shell.sql("DELETE FROM step WHERE path = 'setup'")
    for env in (anthropic, NO_KEY):
        replayed = await shell.run("replay", run, env=env)
        verdict = SAME_AS_FAR if "Cannot be checked here" in replayed.out else SAME
        assert (replayed.code, replayed.out.splitlines()[-1]) == (0, verdict), replayed.out
        shown = (await shell.run("show", run, "--texts", env=env)).out
        assert "openai" not in shown
        assert "anthropic" not in shown
        assert "of the roster: which provider's model answered was not kept yet at that time." in shown
        assert "cannot be rebuilt" not in shown
    assert "Cannot be checked here: the price it was told, because it did not keep" in replayed.out


async def test_a_roster_that_cannot_be_read_is_no_difference(shell: Shell, tmp_path: Path) -> None:
    roster = tmp_path / "own.yml"
    roster.write_text("extends: shipped\nmodels: {fast: {model: '${MINE}', api_base: '${MINE_BASE}'}}\n", "utf-8")
    env = {"AGENTS_ROSTER": str(roster), "MINE": "openai/gpt-5-mini", "MINE_BASE": shell.api_base}
    run = await asked(shell, "--flow", "answer", "SQLite?", env=env)
    replayed = await shell.run("replay", run)
    assert replayed.code == 0, replayed.out
    assert "Cannot be checked here: its decisions and prompts, because the roster it ran under" in replayed.out
    assert replayed.out.splitlines()[-1] == SAME_AS_FAR
    shown = (await shell.run("show", run, "--texts")).out
    assert "Its prompt cannot be rebuilt here, because the roster it ran under cannot be read." in shown
    assert "openai/gpt-5-mini" in shown


def month(shell: Shell) -> str:
    ((period,),) = shell.sql("SELECT MAX(period) FROM call")
    return str(period)

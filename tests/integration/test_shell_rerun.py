"""`agents replay RUN --from STEP`: the rest of a run paid again with something changed, beside what it was."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.team import RECOMMENDATION, Team
from tests.support.shells import Shell

SHORT = "You chair a decision in one word.\n=== user\n{{ request }}\n{{ voices }}\n"


class Chaired(Team):
    """Counts who was asked; a chair with the short prompt says one word."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    def __call__(self, call: Call) -> Reply:
        self.asked.append((call.model, call.system.splitlines()[0]))
        return Reply("SQLite.") if "in one word" in call.system else super().__call__(call)


@pytest.fixture
def team() -> Chaired:
    return Chaired()


@pytest.fixture
async def shell(tmp_path: Path, team: Chaired) -> AsyncIterator[Shell]:
    async with Provider(team) as provider:
        yield Shell(tmp_path, provider.api_base("openai"))


@pytest.fixture
async def run(shell: Shell, team: Chaired) -> str:
    answered = await shell.run("ask", "--flow", "decide", "SQLite or PostgreSQL?", "--json")
    team.asked.clear()
    return str(json.loads(answered.out)["run_id"])


async def test_only_the_changed_step_is_asked_and_paid_again(
    shell: Shell, team: Chaired, run: str, tmp_path: Path
) -> None:
    prompt, before = tmp_path / "chair.md.j2", shell.paid_nusd()
    prompt.write_text(SHORT, "utf-8")
    again = await shell.run("replay", run, "--from", "chair", "--prompt", str(prompt), "--json")
    assert again.code == 0, again.err
    told = json.loads(again.out)
    assert len(team.asked) == 1
    assert (told["old"]["run_id"], told["old"]["answer"], told["new"]["answer"]) == (run, RECOMMENDATION, "SQLite.")
    assert told["new"]["cost_from_step_nusd"] == shell.paid_nusd() - before > 0
    assert again.err.startswith("From chair on, 4 steps taken over: about $")
    replayed = await shell.run("replay", "--all")
    assert replayed.code == 0, replayed.out
    assert (await shell.run("verify")).code == 0


async def test_a_voice_in_the_middle_takes_what_follows_it_along(shell: Shell, team: Chaired, run: str) -> None:
    again = await shell.run("replay", run, "--from", "sceptic", "--model", "openai/gpt-5-nano")
    assert again.code == 0, again.err
    assert [model for model, _opening in team.asked] == ["gpt-5-nano"] * 2
    lines = again.out.splitlines()
    assert lines[0].split()[0] == run
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        "flow", "ended", "cost from that step on", "tokens from that step on", "seconds of work",
    ]  # fmt: skip
    assert sum(line.startswith("──") and line.endswith(" answered") for line in lines) == 2


async def test_an_estimate_spends_nothing(shell: Shell, team: Chaired, run: str) -> None:
    before = shell.paid_nusd(), shell.sql("SELECT COUNT(*) FROM run")
    told = await shell.run("replay", run, "--from", "5", "--flow", "answer", "--estimate")
    assert told.code == 0
    assert told.out.startswith("With answer, nothing taken over: about $")
    assert told.out.endswith(" Nothing was started.\n")
    assert (team.asked, (shell.paid_nusd(), shell.sql("SELECT COUNT(*) FROM run"))) == ([], before)


async def test_what_cannot_be_is_one_sentence(shell: Shell, run: str) -> None:
    refused = await shell.run("replay", run, "--from", "9")
    assert refused.code == 1
    assert refused.err.startswith("agents: There is no finished step '9' in that run. Its steps are: 1 ")
    refused = await shell.run("replay", run, "--from", "chair", "--model", "tiny")
    assert refused.err.startswith("agents: There is no model 'tiny'.")
    shell.sql("DELETE FROM content")
    refused = await shell.run("replay", run, "--from", "chair")
    assert refused.err == "agents: Texts of that run were deleted, so it cannot go on from one of its steps.\n"


async def test_only_what_is_paid_again_is_estimated_asked_about_and_held(shell: Shell, run: str) -> None:
    ((whole,),) = shell.sql("SELECT worst_nusd FROM run")
    told = await shell.run("replay", run, "--from", "chair", "--estimate", "--json")
    price = json.loads(told.out)
    again = json.loads((await shell.run("replay", run, "--from", "chair", "--json")).out)["new"]["run_id"]
    kept = {row[0]: json.loads(row[1]) for row in shell.sql("SELECT run_id, data_json FROM step WHERE path = 'price'")}
    held = dict(shell.sql("SELECT run_id, SUM(hold_nusd) FROM call GROUP BY run_id"))
    assert kept[again]["worst_nusd"] == price["worst_nusd"] < whole
    assert kept[again]["expected_nusd"] == price["expected_nusd"]
    assert held[again] <= price["worst_nusd"]

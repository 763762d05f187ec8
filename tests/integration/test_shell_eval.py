"""`agents eval` as people run it: verdicts, exit codes, price, a batch that was killed, a judge, collected ratings."""

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

from bot.evals.dataset import read_dataset
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import ANSWER, Team
from tests.support.running_bot import Opened, bot_environment
from tests.support.shells import Shell

FILE = """
cases:
  - name: launch
    inputs: Should we move the launch to May?
    evaluators: [{Contains: %(words)s}, {MaxCost: 1}]
  - name: plain
    inputs: {request: "SQLite or PostgreSQL?", flow: answer}
evaluators: [{MaxModelRequests: 2}]
"""


RATE = """
INSERT INTO feedback (run_id, user_id, value, at_us) SELECT id, 'U0DANA', :value, created_us FROM run WHERE id = :run
"""


def dataset(folder: Path, words: str = ANSWER[:20]) -> str:
    file = folder / "cases.yaml"
    file.write_text(FILE % {"words": json.dumps(words)}, "utf-8")
    return str(file)


async def test_cases_are_paid_runs_whose_answers_are_checked(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        out = tmp_path / "out.json"
        ran = await shell.run("eval", dataset(tmp_path), "--flow", "answer", "--repeat", "2", "--json", str(out))
    assert (ran.code, "4 runs, about" in ran.err, "4 of 4 (100%)" in ran.out) == (0, True, True), ran
    told = json.loads(out.read_text("utf-8"))
    assert sum(round(one["cost_usd"] * 1e9) for one in told["results"]) == shell.paid_nusd()


async def test_what_fails_is_said_and_told_to_a_build_server(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        junit = tmp_path / "out.xml"
        ran = await shell.run("eval", dataset(tmp_path, "June"), "--flow", "answer", "--junit", str(junit))
    assert ran.code == 1
    assert 'does not contain "June"' in ran.out
    [suite] = ET.fromstring(junit.read_text("utf-8"))  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")


async def test_two_models_are_compared_in_one_table(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        models = ("--model", "openai/gpt-5-mini", "--model", "openai/gpt-5-nano")
        ran = await shell.run("eval", dataset(tmp_path), "--flow", "answer", *models, "--yes")
    assert ran.code == 0, ran
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == ["openai/gpt-5-mini", "openai/gpt-5-nano"]


class Slow(Team):
    """Answers the first request; the others wait until they are released."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.waiting = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, call: Call) -> Reply:  # type: ignore[override]
        self.asked += 1
        if self.asked > 1 and not self.go_on.is_set():
            self.waiting.set()
            await self.go_on.wait()
        return super().__call__(call)


async def test_a_killed_batch_goes_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    team = Slow()
    async with Provider(team) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        command = ("eval", dataset(tmp_path), "--flow", "answer", "--concurrency", "1", "--yes")
        process = await shell.start(*command)
        await team.waiting.wait()
        process.send_signal(signal.SIGKILL)
        assert process.stderr is not None
        told = (await process.stderr.read()).decode()
        await process.wait()
        team.go_on.set()
        batch = told.partition("This batch is ")[2].split(".")[0]
        first = shell.sql("SELECT id FROM run WHERE status = 'done'")
        shell.sql("UPDATE run SET lease_until_us = 0")
        ran = await shell.run(*command, "--resume", batch)
        assert (ran.code, "2 of 2 (100%)" in ran.out) == (0, True), ran
        assert [row for row in first if row not in shell.sql("SELECT id FROM run WHERE status = 'done'")] == []
        again = await shell.run(*command, "--resume", batch)
        paid_nusd = shell.paid_nusd()
    assert again.out == ran.out
    assert shell.paid_nusd() == paid_nusd
    answered = shell.sql("SELECT COUNT(*) FROM run WHERE stop_reason = 'completed'")
    assert answered == [(2,)]


async def test_without_money_nothing_is_called_passed(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        assert (await shell.run("ask", "--flow", "answer", "Say why")).code == 0
        spent = await shell.run("budget", "set", "0", "--channel", "terminal", "--workspace", "local")
        assert spent.code == 0, spent
        calls = len(provider.calls)
        ran = await shell.run("eval", dataset(tmp_path), "--flow", "answer", "--yes")
    assert ran.code == 2, ran
    assert "2 of 2 were not run. Go on with --resume" in ran.err
    assert len(provider.calls) == calls


class Judging(Team):
    """A reviewer who accepts what it is told to."""

    accepts = True

    def __call__(self, call: Call) -> Reply:
        if call.schema is not None and "accepted" in json.dumps(call.schema):
            criterion = {"criterion": "Names May.", "met": self.accepts, "change": "" if self.accepts else "Name May."}
            verdict = {"feedback": [criterion], "score": 9 if self.accepts else 2, "accepted": self.accepts}
            return Reply(json.dumps(verdict))
        return super().__call__(call)


async def test_a_reviewer_of_the_roster_judges_and_is_paid_for(tmp_path: Path) -> None:
    file = tmp_path / "judged.yaml"
    file.write_text("cases: [{inputs: Say why, evaluators: [{LLMJudge: Names May.}]}]", "utf-8")
    team = Judging()
    async with Provider(team) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        passed = await shell.run("eval", str(file), "--flow", "answer", "--yes")
        team.accepts = False
        failed = await shell.run("eval", str(file), "--flow", "answer", "--yes")
        assert shell.sql("SELECT COUNT(*) FROM call WHERE path = 'judge' AND state = 'settled'") == [(2,)]
    assert (passed.code, "LLMJudge 0.90" in passed.out) == (0, True), passed
    assert (failed.code, "Name May." in failed.out) == (1, True), failed


async def test_ratings_become_cases_only_where_that_is_switched_on(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        refused = await shell.run("eval", "collect", str(tmp_path / "rated.yaml"))
        empty = await shell.run("eval", "collect", str(tmp_path / "rated.yaml"), env={"AGENTS_EVAL_COLLECT": "on"})
        wrong = await shell.run(
            "eval", "collect", str(tmp_path / "rated.yaml"), "--month", "May", env={"AGENTS_EVAL_COLLECT": "on"}
        )
    assert (refused.code, "AGENTS_EVAL_COLLECT=on" in refused.err) == (1, True)
    assert (empty.code, "nothing to write" in empty.out) == (0, True), empty
    assert (wrong.code, "is no month. Write one like 2026-11." in wrong.err) == (1, True), wrong
    assert not (tmp_path / "rated.yaml").exists()


async def test_what_people_rated_in_public_channels_becomes_cases(
    slack: SlackServer, provider: Provider, opened: Opened, tmp_path: Path
) -> None:
    dry = "dry run use answer: Which host?"
    asked = ("use answer: Which database?", "use answer: Which language?", "use answer: Which cloud?", dry)
    async with opened() as house:
        for number, request in enumerate(asked, 1):
            await slack.command(request)
            await house.until_told(runs=number)
    rate(tmp_path / "agents.db", "up", "down", "up", "up")
    env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
    shell = Shell(tmp_path, provider.api_base("openai"))
    file = tmp_path / "rated.yaml"
    command = ("eval", "collect", str(file))
    collected = await shell.run(*command, env={**env, "AGENTS_EVAL_COLLECT": "on"})
    assert (collected.code, f"3 cases are in {file}. 1 more were left out" in collected.out) == (0, True), collected
    cases = read_dataset(file.read_text("utf-8"), file=file.name).cases
    assert [case.inputs.request for case in cases] == ["Which database?", "Which language?", "Which cloud?"]
    assert [case.expected is not None for case in cases] == [True, False, True]
    assert "U0DANA" not in file.read_text("utf-8")
    assert (
        await shell.run(*command, env={**env, "AGENTS_EVAL_COLLECT": "on"})
    ).code == 1  # a file is never written over

    slack.workspace.channels["C0PLATFORM"].is_private = True
    private = await shell.run("eval", "collect", str(tmp_path / "more.yaml"), env={**env, "AGENTS_EVAL_COLLECT": "on"})
    assert "nothing to write" in private.out


def rate(file: Path, *values: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        ids = [row[0] for row in db.execute("SELECT id FROM run ORDER BY created_us").fetchall()]
        for run_id, value in zip(ids, values, strict=True):
            db.execute(RATE, {"run": run_id, "value": value})

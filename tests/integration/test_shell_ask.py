"""`agents ask` as people run it: the answer, its price, what is refused, what Ctrl-C and kill leave in the ledger."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from bot.cli.ask import Request, ask
from patterns.core.money import format_usd
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.team import ANSWER, Team
from tests.support.shells import Ended, Shell, ended

ASK = ("ask", "--flow", "answer", "--agents", "researcher", "SQLite or PostgreSQL?")
FLOWS = ("answer", "catchup", "critique", "decide", "draft", "plan", "postmortem", "translate")
AGAIN = """
INSERT INTO run (id, workspace, channel, channel_kind, user_id, kind, flow, status, stop_reason, epoch, cost_nusd,
                 created_us, delivery_key)
SELECT run.id || again.value, workspace, channel, channel_kind, user_id, kind, flow, status, stop_reason, epoch,
       cost_nusd, created_us, delivery_key || again.value
FROM run, json_each('[1, 2, 3, 4]') AS again
"""


class Hanging:
    """A provider that takes a request and never answers it."""

    def __init__(self) -> None:
        self.was_asked = asyncio.Event()

    def __call__(self, _: Call) -> Reply:
        self.was_asked.set()
        return Reply("never", fault="hang")

    async def asked_by(self, process: Process) -> None:
        """Wait for the request, or for a command that ended without one."""
        waits = [asyncio.ensure_future(waited) for waited in (self.was_asked.wait(), process.wait())]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        assert self.was_asked.is_set()


async def verified(shell: Shell) -> str:
    found = await shell.run("verify")
    assert found.err == ""
    assert found.code == 0
    return found.out


def only_sentence(refused: Ended) -> str:
    """The one line of an error."""
    assert refused.code == 1
    assert refused.out == ""
    (line,) = refused.err.splitlines()
    return line


async def test_the_answer_is_printed_and_the_footer_is_the_ledgers(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        answered = await shell.run("ask", "SQLite or PostgreSQL?")
    assert answered.code == 0, answered.err
    assert answered.out == f"{ANSWER}\n"
    paid_nusd = shell.paid_nusd()
    footer = answered.err.splitlines()[-1]
    assert paid_nusd > 0
    assert footer.startswith(f"{format_usd(paid_nusd)} · ")
    assert footer.endswith(" · 1 agent · $24.99 left")
    assert "2 calls" in await verified(shell)


async def test_json_is_one_object_with_exact_dollars(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        answered = await shell.run(*ASK, "--json")
    told = json.loads(answered.out)
    paid_nusd = shell.paid_nusd()
    assert told["cost_nusd"] == paid_nusd
    assert told["cost_usd"] == f"0.{paid_nusd:09d}"
    assert told["balance"]["free_nusd"] == 25 * 10**9 - paid_nusd
    expected = {
        "flow": "answer",
        "agents": ["researcher"],
        "output": ANSWER,
        "stop_reason": "completed",
        "notes": [],
        "missing": [],
        "uncertain_nusd": 0,
        "steps": {"done": 1, "total": 1},
        "play_money": False,
    }
    assert {name: told[name] for name in expected} == expected


async def test_control_sequences_of_a_model_never_reach_the_terminal(tmp_path: Path) -> None:
    async with Provider([Reply("red \x1b[31malert\x07 text")]) as provider:
        answered = await Shell(tmp_path, provider.api_base("openai")).run(*ASK)
    assert answered.out == "red alert text\n"


async def test_an_estimate_calls_nobody_and_stores_nothing(tmp_path: Path) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        said = await shell.run("ask", "--estimate", "--flow", "decide", "Build or buy?")
    assert said.code == 0
    assert said.out.startswith("`decide` costs about $")
    assert shell.sql("SELECT COUNT(*) FROM run") == [(0,)]


async def test_after_five_runs_the_usual_price_is_known_and_decides_whether_to_ask(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        assert (await shell.run(*ASK)).code == 0
        shell.sql(AGAIN)
        said = await shell.run("ask", "--estimate", "--flow", "answer", "Why?")
        usual = f"about {format_usd(shell.paid_nusd())}, at most $"
        # The most it can cost is above the limit, and what it usually costs is not.
        run = await shell.run(*ASK, env=shell.roster(confirm_above_usd="0.001"))
    assert said.out.startswith(f"`answer` costs {usual}")
    assert (run.code, run.out) == (0, f"{ANSWER}\n"), run.err
    assert usual in run.err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("ask", "  "), "agents: Say what the agents should do, like: agents ask"),
        (("ask", "--flow", "nonsense", "Why?"), "agents: There is no flow 'nonsense'. The flows are answer, "),
        (("ask", "--agents", "nobody", "Why?"), "agents: There is no agent 'nobody'. The agents are "),
        (("ask", "--flow", "draft", "--agents", "writer", "Why?"), "agents: draft works with agents of its own."),
    ],
)
async def test_what_cannot_be_run_is_one_sentence_and_told_before_litellm_is_imported(
    tmp_path: Path, args: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "litellm.py").write_text("raise SystemExit('imported')", "utf-8")
    async with Provider([]) as provider:
        refused = await Shell(tmp_path, provider.api_base("openai")).run(*args, env={"PYTHONPATH": str(tmp_path)})
    assert only_sentence(refused).startswith(sentence)


async def test_without_any_model_it_says_what_to_set(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY": "", "OLLAMA_API_BASE": "http://127.0.0.1:9"}
    refused = await Shell(tmp_path, "").run(*ASK, env=env)
    assert only_sentence(refused).startswith("agents: No language model is configured. Set OPENAI_API_KEY, ")


async def test_a_spent_budget_refuses_before_anything_is_sent(tmp_path: Path) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        refused = await shell.run(*ASK, env=shell.roster(default_channel_usd="0.0001"))
    sentence = only_sentence(refused)
    assert sentence.startswith("agents: Not started, nothing spent. This costs about $")
    assert "$0.00010 is left in terminal ($0.00010 limit, $0.00 spent)" in sentence


async def test_words_for_which_a_shell_has_options_are_refused_before_anything_is_spent(tmp_path: Path) -> None:
    async with Provider([]) as provider:
        refused = await Shell(tmp_path, provider.api_base("openai")).run("ask", "use decide: SQLite or PostgreSQL?")
        assert provider.calls == []
    options = 'agents ask --flow decide "REQUEST"'
    assert only_sentence(refused) == f"agents: Nothing was spent. In a shell, name the flow with options: {options}"


async def test_a_dear_run_needs_a_yes(tmp_path: Path) -> None:
    async with Provider([Reply("Because.")]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        dear = shell.roster(confirm_above_usd="0.0001")
        refused = await shell.run(*ASK, env=dear)
        assert provider.calls == []
        agreed = await shell.run(*ASK, "--yes", env=dear)
    assert refused.code == 1
    assert refused.out == ""
    assert "somebody must agree, and nobody can be asked here. Add --yes to agree beforehand." in refused.err
    assert "Nobody agreed to the price, so nothing more was started." in refused.err
    assert "declined" not in refused.err
    assert (agreed.code, agreed.out) == (0, "Because.\n")


@pytest.mark.parametrize("flow", FLOWS)
async def test_each_flow_of_the_shipped_roster_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flow: str
) -> None:
    async with Provider() as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        for name, value in shell.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("bot.cli.shell.configure_logs", lambda _level: None)
        code = await ask(Request("Move to Thursday?", flow=flow, yes=True, as_json=True))
    # The log, unconfigured here, goes before it.
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    # Nobody can approve in a pipe, so the draft stays a draft.
    expected = {
        "draft": ("partial", ["Nobody approved this text in time."]),
        # The double is never sure.
        "answer": ("completed", ["The Router was not sure (0.00), so researcher took this, the first agent."]),
    }
    assert (told["stop_reason"], told["notes"]) == expected.get(flow, ("completed", []))
    assert code == 0
    assert told["cost_nusd"] == shell.paid_nusd()
    assert shell.sql("SELECT COUNT(*) FROM call WHERE state = 'settled'") == [(len(provider.calls),)]


async def test_shells_side_by_side_share_one_ledger(tmp_path: Path) -> None:
    async with Provider() as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        runs = [shell.run("ask", "--yes", "--json", "--flow", flow, "Why?") for flow in ("decide", "plan", "answer")]
        all_ended = await asyncio.gather(*runs)
    assert [end.code for end in all_ended] == [0, 0, 0], [end.err for end in all_ended]
    assert sum(json.loads(end.out)["cost_nusd"] for end in all_ended) == shell.paid_nusd()
    await verified(shell)


async def test_ctrl_c_settles_what_was_under_way_and_says_what_was_paid(tmp_path: Path) -> None:
    hanging = Hanging()
    async with Provider(hanging) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        process = await shell.start(*ASK)
        await hanging.asked_by(process)
        process.send_signal(signal.SIGINT)
        stopped = await ended(process)
    ((state, hold_nusd, actual_nusd, reason),) = shell.sql("SELECT state, hold_nusd, actual_nusd, reason FROM call")
    assert (state, actual_nusd, reason) == ("uncertain", hold_nusd, "stopped")
    assert stopped.code == 130
    assert stopped.out == ""
    assert f"Stopped after 0 of 1 step ({format_usd(hold_nusd)})." in stopped.err
    assert f"{format_usd(hold_nusd)} of it is the call that was under way" in stopped.err
    assert shell.sql("SELECT status, stop_reason FROM run") == [("done", "cancelled")]
    await verified(shell)


async def test_the_next_shell_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    hanging = Hanging()
    async with Provider(hanging) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        process = await shell.start(*ASK)
        await hanging.asked_by(process)
        process.kill()
        await ended(process)
        shell.sql("UPDATE run SET lease_until_us = 1")
        assert (await shell.run("ask", "--estimate", "Why?")).code == 0
    ((state, hold_nusd, actual_nusd),) = shell.sql("SELECT state, hold_nusd, actual_nusd FROM call")
    assert (state, actual_nusd) == ("uncertain", hold_nusd)
    assert shell.sql("SELECT status, stop_reason FROM run") == [("done", "failed")]
    assert "$0.00 held" in await verified(shell)


async def test_a_failing_provider_is_said_in_words(tmp_path: Path) -> None:
    async with Provider([Reply(status=401)]) as provider:
        failed = await Shell(tmp_path, provider.api_base("openai")).run(*ASK)
    assert failed.code == 1
    assert failed.out == ""
    assert "its provider refused our key" in failed.err
    assert "Traceback" not in failed.err


async def test_the_dollars_of_one_run_are_its_own_limit_not_the_channels_budget(tmp_path: Path) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        refused = await shell.run(*ASK, env=shell.roster(run_usd="0.001"))
    assert refused.code == 1
    assert "No answer: this request reached its limit after 0 of 1 step ($0.00)." in refused.err
    assert "The limit of this run is $0.0010: " in refused.err


async def test_what_is_no_text_breaks_neither_the_request_nor_the_answer(tmp_path: Path) -> None:
    async with Provider([Reply("half \ud800 a pair")]) as provider:
        request = b"half \xed\xa0\x80 a pair".decode(errors="surrogateescape")
        answered = await Shell(tmp_path, provider.api_base("openai")).run(*ASK[:-1], request)
    assert (answered.code, answered.out) == (0, "half ? a pair\n")

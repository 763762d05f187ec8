"""`agents verify`, `migrate`, `backup` and `eval routes`, each as a process."""

import json
from pathlib import Path

import pytest

from tests.fakes.provider import Call, Provider, Reply
from tests.support.shells import Shell


@pytest.mark.parametrize("command", [("verify",), ("backup", "copy.db")])
async def test_without_a_database_it_is_one_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = await Shell(tmp_path, "").run(*command)
    (line,) = refused.err.splitlines()
    assert line.startswith(f"agents: There is no database at {tmp_path / 'agents.db'}.")
    assert (refused.code, refused.out) == (1, "")


async def test_verify_is_one_line_and_names_what_differs(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "")
    assert (await shell.run("migrate")).out == "The database is up to date.\n"
    sound = await shell.run("verify")
    expected = "0 accounts, 0 calls: $0.00 settled, $0.00 held; every sum is that of its calls.\n"
    assert (sound.code, sound.out, sound.err) == (0, expected, "")
    shell.sql(
        "INSERT INTO account (id, workspace, kind, key, period, settled_nusd)"
        " VALUES ('T/channel/C/2026-11', 'T', 'channel', 'C', '2026-11', 1000000000)"
    )
    broken = await shell.run("verify")
    assert broken.code == 1
    assert broken.out == "1 accounts, 0 calls: $0.00 settled, $0.00 held; 1 accounts differ from their calls.\n"
    assert broken.err == "T/channel/C/2026-11 says $1.00 settled and $0.00 held; its calls say $0.00 and $0.00.\n"


async def test_a_backup_is_checked_and_never_overwrites(tmp_path: Path) -> None:
    shell, copy = Shell(tmp_path, ""), tmp_path / "copy.db"
    await shell.run("migrate")
    made = await shell.run("backup", str(copy))
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f"{copy} is a sound copy. 0 accounts, 0 calls")
    again = await shell.run("backup", str(copy))
    assert again.err == f"agents: {copy} exists. Name a new file; backups are never overwritten.\n"


def always_decide(call: Call) -> Reply:
    assert call.schema is not None
    return Reply(json.dumps({"flow": "decide", "agents": [], "confidence": 0.9, "reason": "a choice"}))


async def test_routes_are_marked_and_paid_for(tmp_path: Path) -> None:
    examples = tmp_path / "examples.jsonl"
    examples.write_text(
        '{"text": "Kafka or RabbitMQ?", "pattern": "decide"}\n{"text": "What is a mutex?", "pattern": "answer"}\n',
        "utf-8",
    )
    async with Provider(always_decide) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        marked = await shell.run("eval", "routes", str(examples))
    assert marked.code == 0, marked.err
    lines = marked.out.splitlines()
    assert lines[0] == "1 of 2 right (50 %)"
    assert "decide  1  1  100 %" in lines
    assert "answer -> decide  1" in lines
    assert shell.paid_nusd() > 0
    assert shell.sql("SELECT status, stop_reason FROM run") == [("done", "completed")]
    assert "2 calls" in (await shell.run("verify")).out


async def test_marks_without_money_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    examples = tmp_path / "examples.jsonl"
    examples.write_text('{"text": "Kafka or RabbitMQ?", "pattern": "decide"}\n', "utf-8")
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        refused = await shell.run("eval", "routes", str(examples), env=shell.roster(default_channel_usd="0.0001"))
    (line,) = refused.err.splitlines()
    assert line.startswith("agents: Not started, nothing spent. This costs about $")
    assert refused.code == 1


async def test_a_line_that_is_no_example_is_named(tmp_path: Path) -> None:
    examples = tmp_path / "examples.jsonl"
    examples.write_text('{"text": "Kafka or RabbitMQ?", "pattern": "decide"}\nnonsense\n', "utf-8")
    refused = await Shell(tmp_path, "").run("eval", "routes", str(examples))
    assert refused.err.startswith("agents: Line 2 is not JSON: ")
    assert refused.code == 1

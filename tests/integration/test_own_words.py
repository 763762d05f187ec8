"""People own their words: a deleted message, a person forgotten, an export; looked for in every table, file and log."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.personal_data import PersonalData
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.support.running_bot import House
from tests.support.shells import Shell

DANA, LEE, PLATFORM = "U0DANA", "U0LEE", "C0PLATFORM"
CANARY, OTHER = "chrysanthemum-4711", "forget-me-not-0815"
OVER = "SELECT COUNT(*) FROM run WHERE status <> 'done'"


def found(house: House, word: str) -> list[str]:
    """Where a word stands: tables by name, files by name, whether a row or a leftover page holds it."""
    folder = house.settings.data_dir
    places = [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]
    with closing(sqlite3.connect(folder / "agents.db")) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names from the schema
            places += [f"table {table}" for row in rows if word in json.dumps(row, default=str)]
    return places


async def asked(slack: SlackServer, house: House, text: str, *, user: str = DANA, thread_ts: str | None = None) -> str:
    """The timestamp of a message that asked for a run, once that is over."""
    ts = await slack.say(f"<@{BOT_USER}> {text}", user=user, thread_ts=thread_ts)
    await house.bot.background.drain(10)
    await slack.wait_for(lambda: house.ledger(OVER) == 0)
    return ts


def data_of(house: House) -> PersonalData:
    return PersonalData(house.bot.engine.db, house.bot.engine.clock, house.bot.engine.files)


async def test_a_deleted_request_leaves_no_word_behind(
    slack: SlackServer, house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = await asked(slack, house, f"use answer: {OTHER}?", user=LEE)
    ts = await asked(slack, house, f"use answer: {CANARY}?")
    assert "table content" in found(house, CANARY)
    await slack.delete(ts)
    await house.bot.background.drain(10)
    assert await data_of(house).erase_requested() == []
    assert found(house, CANARY) == []
    assert "table content" in found(house, OTHER)
    assert house.ledger("SELECT COUNT(*) FROM run") == 2
    assert house.spent_nusd() > 0
    assert CANARY not in capsys.readouterr().out
    assert kept != ts


async def test_what_others_said_goes_with_the_request_that_read_it(slack: SlackServer, house: House) -> None:
    root = await slack.say(f"the {OTHER} is late", user=LEE)
    ts = await asked(slack, house, f"use answer: {CANARY}?", thread_ts=root)
    assert "table content" in found(house, OTHER)
    await slack.delete(ts)
    await house.bot.background.drain(10)
    await data_of(house).erase_requested()
    assert (found(house, CANARY), found(house, OTHER)) == ([], [])


async def test_words_of_a_deletion_are_not_kept_in_its_event(slack: SlackServer, house: House) -> None:
    ts = await slack.say(f"{CANARY} among people", user=LEE)
    await slack.delete(ts)
    await house.bot.background.drain(10)
    assert found(house, CANARY) == []


async def test_a_person_is_forgotten_everywhere_and_the_money_stays(slack: SlackServer, house: House) -> None:
    root = await slack.say(f"{CANARY} said by Lee", user=LEE)
    await asked(slack, house, "use answer: what is this about?", thread_ts=root)
    await asked(slack, house, f"use answer: {CANARY}?", user=LEE)
    spent = house.spent_nusd()
    await data_of(house).request_person_erasure(workspace=TEAM, user=LEE, actor="shell")
    assert await data_of(house).erase_requested() == []
    assert found(house, CANARY) == []
    assert house.spent_nusd() == spent
    assert house.ledger("SELECT COUNT(*) FROM audit WHERE action = 'forget_person'") == 1
    left = await data_of(house).export_person(workspace=TEAM, user=LEE)
    assert (left["texts"], len(left["runs"])) == ([], 1)


async def shell(house: House, *words: str) -> tuple[int, str]:
    process = await Shell(house.settings.data_dir, "http://127.0.0.1:9/v1").start(*words)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return int(process.returncode or 0), (out + err).decode()


async def test_operators_export_and_forget_a_person_beside_the_bot(
    slack: SlackServer, house: House, tmp_path: Path
) -> None:
    await asked(slack, house, f"use answer: {CANARY}?")
    code, out = await shell(house, "export", "person", DANA)
    said: dict[str, Any] = json.loads(out)
    assert code == 0
    assert [text["kind"] for text in said["texts"] if CANARY in text["text"]] == ["request"]
    file = tmp_path / "dana.json"
    assert (await shell(house, "export", "person", DANA, "--output", str(file)))[0] == 0
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert "exists" in (await shell(house, "export", "person", DANA, "--output", str(file)))[1]
    file.unlink()
    code, out = await shell(house, "forget", DANA)
    assert (code, "Backups made before today still hold it" in out) == (0, True)
    await house.bot.engine.db.scrub()
    assert found(house, CANARY) == []
    code, out = await shell(house, "audit", "export", "--since", "2020-01-01")
    assert (code, out) == await shell(house, "audit", "export", "--since", "2020-01-01", "--jsonl")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["actor"], line["action"], line["subject"]) for line in lines] == [
        ("shell", "export_person", DANA),
        ("shell", "export_person", DANA),
        ("shell", "forget_person", DANA),
    ]


async def test_in_the_home_people_take_a_copy_and_erase_their_words(slack: SlackServer, house: House) -> None:
    await asked(slack, house, f"use answer: {CANARY}?")
    for action_id in ("own_words", "own_words_download", "own_words_erase"):
        payload = {**slack._who("block_actions", DANA), "container": {"type": "view"}}
        action = {"type": "button", "action_id": action_id, "block_id": "b", "action_ts": "1.2"}
        await slack.deliver("interactive", {**payload, "actions": [action], "state": {"values": {}}})
        await house.bot.background.drain(10)
    (view,) = slack.workspace.views.values()
    assert "1 request: where, when" in json.dumps(view)
    (file,) = slack.workspace.files.values()
    assert (file["name"], CANARY in bytes(file["content"]).decode()) == ("about-me.json", True)
    assert found(house, CANARY) == []
    assert any("What you wrote is erased" in message["text"] for message in slack.messages("D0DANA"))
    assert house.ledger("SELECT COUNT(*) FROM audit WHERE actor = account AND action LIKE '%_person'") == 2

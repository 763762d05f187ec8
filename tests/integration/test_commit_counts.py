"""How many commits a run needs on SQLite, by pattern: each is a sync of the disk."""

import sqlite3
from pathlib import Path

import pytest

import storage.database.sqlite
from tests.bench.commits import measured
from tests.bench.runs import ROSTER
from tests.fakes.provider import Provider, echo


async def test_a_run_commits_once_for_accept_claim_and_end_and_twice_for_a_paid_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(storage.database.sqlite._Connection, "execute", sqlite3.Connection.execute, raising=False)
    (tmp_path / "roster.yml").write_text(ROSTER, encoding="utf-8")
    async with Provider(echo, strict=False) as provider:
        found = await measured(
            {
                "AGENTS_DATA_DIR": str(tmp_path / "data"),
                "AGENTS_ROSTER": str(tmp_path / "roster.yml"),
                "OPENAI_API_KEY": "sk-test",
                "OPENAI_API_BASE": provider.api_base("openai"),
            }
        )
    commits = {flow: counts["commits"] for flow, counts in found.items()}
    settled = commits.pop("broadcast") - 6  # accept, claim, the voices' reservation and holds, synthesis twice, end
    assert commits == {"single": 5, "router": 7, "pipeline": 9, "supervisor": 7}
    assert 1 <= settled <= 5, "five voices, those that end together in one"
    assert {counts["reads"] for counts in found.values()} == {1}

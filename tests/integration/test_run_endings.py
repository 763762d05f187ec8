"""Ends of a run that come from elsewhere: another process stops it, or its roster can no longer be priced."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.messages.action_ids import RUN_CONFIRM
from bot.runs.engine import Engine
from bot.runs.outcome import RunOutcome
from bot.slack.client import SlackClient
from bot.slack.errors import SlackError
from bot.threads.presenter import SlackThreadPresenter
from patterns.core.errors import UserError
from patterns.core.holds import Hold
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import Roster
from storage.ledger.ledger import SqlLedger
from storage.run_rows import RunRow
from tests.crash.storm_slack import named
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.fakes.team import Team
from tests.integration.test_slack_main_job import DECIDE, PLATFORM, texts, until_ended
from tests.support.running_bot import WAIT_S, House, open_house


async def test_a_stop_that_the_ledger_notices_first_is_a_stop(slack: SlackServer, tmp_path: Path) -> None:
    def stopped_by_another_process(call: Call) -> Reply:
        if "You are the voice of cost" in call.system:
            with closing(sqlite3.connect(tmp_path / "agents.db")) as database, database:
                database.execute("UPDATE run SET cancel_requested_by = 'U0DANA'")
        return Team()(call)

    async with (
        Provider(stopped_by_another_process) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command(DECIDE)
        await until_ended(slack, "stopped")
        assert house.held_nusd() == 0
    assert not any("You chair a decision" in call.system for call in provider.calls)


async def test_a_model_that_lost_its_price_ends_the_run_with_what_to_do(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def older(engine: Engine, _: RunRow) -> tuple[Roster, LiteLLMClient]:
        models = {name: replace(spec, model="openai/unheard-of") for name, spec in engine.roster.models.items()}
        return engine.roster.with_models(models), LiteLLMClient(models, {})

    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command("use postmortem: checkout was down")
        await slack.wait_for(lambda: any(RUN_CONFIRM in said for said in texts(slack)))
        monkeypatch.setattr(Engine, "roster_of", older)
        await slack.click(RUN_CONFIRM)
        await slack.wait_for(lambda: any("No price is known for" in said for said in texts(slack)))
        assert (provider.calls, house.spent_nusd()) == ([], 0)


async def test_what_a_broken_run_could_not_let_go_of_is_free_when_it_ends(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: SqlLedger, __: Sequence[Hold]) -> None:
        raise UserError("The envelope is stuck.")

    monkeypatch.setattr(SqlLedger, "release", refuse)
    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command(DECIDE)
        await until_ended(slack, "answered")
        await house.until_no_run_is_open()
        assert house.held_nusd() == 0


async def test_posts_that_were_cut_off_are_found_or_given_up_once_the_run_is_over(
    slack: SlackServer, tmp_path: Path
) -> None:
    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command(DECIDE)
        await until_ended(slack, "answered")
        await house.until_no_run_is_open()
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database, database:
            stood = database.execute("SELECT ts FROM slack_out WHERE name = 'progress'").fetchone()
            database.execute("UPDATE slack_out SET state = 'intended', ts = NULL WHERE name = 'progress'")
            database.execute(
                "INSERT INTO slack_out (run_id, name, channel, state, at_us)"
                " SELECT run_id, 'queued', channel, 'intended', at_us FROM slack_out WHERE name = 'progress'"
            )
        await house.bot.executor.resume_orphans()
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database:
            known = database.execute("SELECT name, state, ts FROM slack_out WHERE name IN ('progress', 'queued')")
            assert sorted(known) == [("progress", "posted", *stood), ("queued", "abandoned", None)]


async def test_a_root_that_nobody_lived_to_record_says_how_it_ended(slack: SlackServer, tmp_path: Path) -> None:
    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command(DECIDE)
        await until_ended(slack, "answered")
        await house.until_no_run_is_open()
        (root,) = (message for message in slack.messages(PLATFORM) if "asked:" in message["text"])
        root["text"], root["blocks"] = "still working", [{**root["blocks"][0]}]
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database, database:
            database.execute("UPDATE run SET root_ts = '', thread_ts = ''")
            database.execute("UPDATE slack_out SET state = 'intended', ts = NULL WHERE name IN ('root', 'closed')")
        await house.bot.executor.resume_orphans()
        assert any("asked:" in said and "✅ answered" in said for said in texts(slack))
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database:
            states = database.execute("SELECT DISTINCT state FROM slack_out WHERE name IN ('root', 'closed')")
            assert list(states) == [("posted",)]


async def test_an_ending_that_cannot_be_read_does_not_keep_the_others_untold(
    slack: SlackServer, tmp_path: Path
) -> None:
    async with (
        Provider(Team(), strict=False) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command(DECIDE)
        await slack.command(DECIDE)
        await slack.wait_for(lambda: sum("✅ answered" in said for said in texts(slack)) >= 2)
        await house.until_no_run_is_open()
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database, database:
            database.execute("UPDATE slack_out SET state = 'intended', ts = NULL WHERE name = 'closed'")
            (broken,) = database.execute("SELECT MIN(id) FROM run").fetchone()
            database.execute("UPDATE content SET text = 'no ending' WHERE id = ?", (f"{broken}:result",))
        await house.bot.executor.resume_orphans()
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database:
            unannounced = database.execute("SELECT run_id FROM slack_out WHERE state = 'intended'")
            assert list(unannounced) == [(broken,)]


async def test_whoever_goes_on_with_telling_edits_only_what_differs(slack: SlackServer, tmp_path: Path) -> None:
    def edits() -> int:
        return sum(method == "chat.update" for method, _ in slack.workspace.calls)

    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command("use postmortem: checkout was down")
        await slack.wait_for(lambda: any(RUN_CONFIRM in said for said in texts(slack)))
        await house.until_no_run_is_open()
        until_asked = edits()
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database, database:
            database.execute("UPDATE slack_out SET state = 'intended', ts = NULL WHERE name LIKE 'ask/%'")
        await house.bot.executor.resume_orphans()
        assert edits() == until_asked
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database, database:
            # The process died before it could write down what the root shows.
            database.execute("UPDATE slack_out SET shows = '' WHERE name = 'root'")
            database.execute("UPDATE slack_out SET state = 'intended', ts = NULL WHERE name LIKE 'ask/%'")
        await house.bot.executor.resume_orphans()
        assert edits() == until_asked + 1


async def test_an_edit_that_slack_is_too_far_for_is_owed(slack: SlackServer, tmp_path: Path) -> None:
    def state_of_closed() -> str:
        with closing(sqlite3.connect(tmp_path / "agents.db")) as database:
            rows = database.execute("SELECT state FROM slack_out WHERE name = 'closed'").fetchall()
        return str(rows[0][0]) if rows else ""

    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        posted = SlackThreadPresenter.finish

        async def far_away(self: SlackThreadPresenter, run: RunRow, ending: RunOutcome) -> None:
            with pytest.MonkeyPatch.context() as away:
                away.setattr(SlackClient, "update", _unreachable)
                await posted(self, run, ending)

        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(SlackThreadPresenter, "finish", far_away)
            await slack.command(DECIDE)
            await slack.wait_for(lambda: state_of_closed() == "intended")
            await house.until_no_run_is_open()
        assert state_of_closed() == "intended"
        await house.bot.executor.resume_orphans()
        assert state_of_closed() == "posted"
        assert any("asked:" in said and "✅ answered" in said for said in texts(slack))


async def _unreachable(_: SlackClient, **__: object) -> None:
    raise SlackError("unreachable", code="connection", method="chat.update")


async def test_time_that_slack_makes_us_wait_for_the_first_messages_is_not_the_runs(
    slack: SlackServer, tmp_path: Path
) -> None:
    slack.fail("chat.postMessage", retry_after_s=3, times=1)
    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command(DECIDE)
        await until_ended(slack, "answered")
        assert house.ledger("SELECT (finished_us - created_us) / 1000 FROM run") > 3000
        assert house.ledger("SELECT executed_ms FROM run") < 3000


async def until_parked(house: House, turns: int) -> None:
    """Wait until the run has been executed so often and waits, with everything of it told that can be."""
    epoch = "SELECT COALESCE(MAX(epoch), 0) FROM run WHERE status = 'parked' AND lease_until_us = 0"
    async with asyncio.timeout(WAIT_S):
        while house.ledger(epoch) != turns:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.02)


async def line_in(slack: SlackServer, team: Team) -> dict[str, Any]:
    """Two requests in one thread; the message that says that the second waits."""
    team.delay_s = 2.0
    root = await slack.say(f"<@{BOT_USER}> use answer: SQLite or PostgreSQL?")
    await slack.wait_for(lambda: len(slack.messages()) == 2)
    await slack.say("use answer: and for three teams?", thread_ts=root)
    (line,) = await slack.wait_for(lambda: [m for m in slack.messages() if "Queued" in m["text"]])
    return dict(line)


async def test_a_run_does_not_wait_until_slack_takes_the_edit_of_its_line(slack: SlackServer, tmp_path: Path) -> None:
    team = Team()
    async with (
        Provider(team, strict=False) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await line_in(slack, team)
        slack.fail("chat.update", retry_after_s=60, times=100)
        await slack.wait_for(lambda: any("and for three teams?" in str(call.body) for call in provider.calls))
        await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'") == 2)


async def test_a_run_that_was_woken_for_nothing_says_again_that_it_waits(slack: SlackServer, tmp_path: Path) -> None:
    def progress() -> list[str]:
        shown = [m for m in slack.messages(PLATFORM) if (named(m) or ("", ""))[1] == "progress"]
        return [block["text"]["text"] for m in shown for block in m["blocks"] if "text" in block] + [
            m["text"] for m in shown
        ]

    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command("use postmortem: checkout was down")
        await until_parked(house, 1)
        waiting, (run,) = progress(), await house.bot.engine.store.unfinished(TEAM, PLATFORM)
        await house.bot.executor.wake(run.id)
        await until_parked(house, 2)
        assert (progress(), house.bot.executor.presenter.progress.view(run.id)) == (waiting, None)


async def test_a_question_is_not_asked_before_the_thread_says_that_it_waits(slack: SlackServer, tmp_path: Path) -> None:
    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        with pytest.MonkeyPatch.context() as away:
            away.setattr(SlackClient, "update", _unreachable)
            await slack.command("use postmortem: checkout was down")
            await until_parked(house, 1)
        assert not any(RUN_CONFIRM in said for said in texts(slack))
        await house.bot.executor.resume_orphans()
        assert any(RUN_CONFIRM in said for said in texts(slack))
        assert not any("⏳ working" in said for said in texts(slack))


async def test_a_line_that_somebody_deleted_is_edited_once(slack: SlackServer, tmp_path: Path) -> None:
    team = Team()
    async with (
        Provider(team, strict=False) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        line = await line_in(slack, team)
        messages = slack.workspace.channels[PLATFORM].messages
        messages[:] = [message for message in messages if message["ts"] != line["ts"]]
        await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'") == 2)
        await house.until_no_run_is_open()
        assert (
            sum(args.get("ts") == line["ts"] for method, args in slack.workspace.calls if method == "chat.update") <= 2
        )


async def test_a_click_that_comes_twice_leaves_a_run_alone_that_has_gone_on(slack: SlackServer, tmp_path: Path) -> None:
    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house,
    ):
        await slack.command("use draft: announce the outage")
        await until_parked(house, 1)
        (run,) = await house.bot.engine.store.unfinished(TEAM, PLATFORM)
        await slack.click(RUN_CONFIRM)
        await until_parked(house, 2)
        element = {"type": "button", "action_id": RUN_CONFIRM, "value": run.id}
        message = {"ts": "1.1", "blocks": [], "type": "message"}
        await slack._press(message, {"block_id": "b"}, element, user="U0DANA", channel=PLATFORM)
        async with asyncio.timeout(WAIT_S):
            while house.ledger("SELECT COUNT(*) FROM inbox WHERE done_us > 0") < 3:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.02)
        await house.until_no_run_is_open()
        assert house.ledger("SELECT epoch FROM run") == 2

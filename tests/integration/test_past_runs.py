"""`/agents show` and `/agents trace` in Slack: privately, in its own thread, and to nobody who may not read the run."""

import json
import re
import sqlite3
from contextlib import closing
from typing import Any

from bot.manifest import needed_scopes, optional_scopes
from bot.messages.action_ids import REVIEW_APPROVE, RUN_CONFIRM
from bot.runs.replay import DELETED_BEFORE, Replay, Replayer
from storage.run_stories import RunStories
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import RECOMMENDATION
from tests.support.running_bot import House

PLATFORM, SECRET, DANA, LEE = "C0PLATFORM", "C0SECRET", "U0DANA", "U0LEE"
DECIDE = "use decide: SQLite or PostgreSQL?"
UNKNOWN = "That run is not known here."


def run_id(house: House) -> str:
    """Return the id of the latest run."""
    with closing(sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"))) as db:
        return str(db.execute("SELECT id FROM run ORDER BY created_us DESC LIMIT 1").fetchone()[0])


async def told(slack: SlackServer, words: str, *, user: str = DANA) -> dict[str, Any]:
    """Wait for a private message with these words."""
    return dict(await slack.wait_for(lambda: next((m for m in slack.ephemerals(user) if words in m["text"]), None)))


async def asked(slack: SlackServer, house: House, **where: Any) -> str:
    await slack.command(DECIDE, **where)
    await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'"))
    await house.until_no_run_is_open()
    return run_id(house)


def add_twin(house: House, run: str) -> None:
    """Copy a run under an id that begins like its own."""
    other = f"{run[:6]}{'0' * 7 if not run.endswith('0' * 7) else '1' * 7}"
    columns = "workspace, channel, channel_kind, user_id, kind, status, created_us, delivery_key"
    copied = columns.replace("delivery_key", "delivery_key || 'x'")
    with closing(sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"))) as db, db:
        db.execute(f"INSERT INTO run (id, {columns}) SELECT '{other}', {copied} FROM run")  # noqa: S608 - our own words


async def test_the_story_of_a_run_is_told_privately(slack: SlackServer, house: House) -> None:
    run = await asked(slack, house)
    await slack.command(f"show {run}")
    said = str(await told(slack, "✅ answered · "))
    for words in (
        "SQLite or PostgreSQL?",
        "which the asker chose",
        "2 of 4 must answer",
        "1. ",
        " held · ",
        f"trace {run}",
    ):
        assert words in said, words
    assert RECOMMENDATION.splitlines()[0] not in said
    assert [m for m in slack.messages() if "must answer" in str(m)] == []


async def test_a_run_that_waits_costs_the_same_in_the_list_and_in_its_story(slack: SlackServer, house: House) -> None:
    await slack.command("use draft: tell all customers that exports are offline on Sunday")
    await slack.wait_for(lambda: RUN_CONFIRM in str(slack.messages()), 60)
    await slack.click(RUN_CONFIRM)
    await slack.wait_for(lambda: REVIEW_APPROVE in str(slack.messages()))
    await slack.command("runs")
    listed = json.dumps((await told(slack, "tell all customers"))["blocks"])
    await slack.command("show")
    story = json.dumps((await told(slack, "tokens"))["blocks"])
    costs = [found.group() for said in (listed, story) if (found := re.search(r"\$\d+\.\d+", said))]
    assert (len(costs), costs[0] == costs[-1], house.spent_nusd() > 0) == (2, True, True)
    assert re.search(r": open since \d+ \w+ \d\d:\d\d UTC", story)


async def test_show_alone_takes_the_latest_request_of_the_person(slack: SlackServer, house: House) -> None:
    run = await asked(slack, house)
    await slack.command("show")
    assert f"Run `{run}`" in str(await told(slack, "✅ answered · "))


async def test_the_beginning_of_an_id_is_enough_where_it_is_unique(slack: SlackServer, house: House) -> None:
    run = await asked(slack, house)
    await slack.command(f"show run {run[:6]}")
    await told(slack, "✅ answered · ")
    add_twin(house, run)
    for number, words in enumerate(("show", "trace", "stop"), start=2):
        await slack.command(f"{words} run {run[:6]}")
        await slack.wait_for(lambda number=number: len(slack.ephemerals(DANA)) == number)
        assert "That beginning fits 2 requests; give more of it." in slack.ephemerals(DANA)[-1]["text"]
    await slack.command("stop r00")
    await told(slack, "Write at least 4 characters of the id.")


async def test_the_page_goes_into_the_runs_own_thread(slack: SlackServer, house: House) -> None:
    slack.workspace.add_channel("C0ELSEWHERE", "elsewhere", {DANA, BOT_USER})
    run = await asked(slack, house)
    root = slack.messages(PLATFORM)[0]["ts"]
    await slack.command(f"trace {run}", channel="C0ELSEWHERE")
    await told(slack, "The page is in the request's thread.")
    (file,) = slack.workspace.files.values()
    page = file["content"].decode()
    assert (file["name"], page.count("Given as system")) == (f"{run}.html", 5)
    assert "Take SQLite now" in page
    (upload,) = slack.calls("files.completeUploadExternal")
    assert (upload["channel_id"], upload["thread_ts"]) == (PLATFORM, root)


async def test_strangers_hear_what_they_would_hear_of_no_run(slack: SlackServer, house: House) -> None:
    slack.workspace.add_channel(SECRET, "secret", {DANA, BOT_USER}, is_private=True)
    run = await asked(slack, house, channel=SECRET)
    add_twin(house, run)
    ids = (run, run[:6], run[:4], "r000000000000")
    for number, words in enumerate([f"{word} run {named}" for word in ("show", "trace", "stop") for named in ids], 1):
        await slack.command(words, user=LEE)
        await slack.wait_for(lambda number=number: len(slack.ephemerals(LEE)) == number)
    said = [m["text"] for m in slack.ephemerals(LEE)]
    assert said == [said[0]] * 8 + [said[8]] * 4
    assert (UNKNOWN in said[0], "Nothing of yours is running here." in said[8]) == (True, True)
    assert slack.workspace.files == {}


async def test_a_run_of_direct_messages_is_its_askers_alone(slack: SlackServer, house: House) -> None:
    run = await asked(slack, house, channel="D0DANA")
    await slack.command(f"show {run}", user=LEE)
    await told(slack, UNKNOWN, user=LEE)
    await slack.command(f"trace {run}")
    await told(slack, "The page is in the request's thread.")
    (upload,) = slack.calls("files.completeUploadExternal")
    assert upload["channel_id"] == "D0DANA"


async def test_without_files_write_the_page_is_refused_with_a_sentence(slack: SlackServer, house: House) -> None:
    run = await asked(slack, house)
    slack.workspace.granted = {*needed_scopes(), *optional_scopes()} - {"files:write"}
    await slack.command(f"trace {run}")
    await told(slack, "The page could not be put into the thread.")


async def test_an_admin_who_reads_somebodys_run_stands_in_the_log(slack: SlackServer, house: House) -> None:
    await slack.command(DECIDE, user=LEE)
    await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'"))
    await slack.command(f"show {run_id(house)}", user=DANA)
    await told(slack, "✅ answered · ")
    assert house.ledger("SELECT COUNT(*) FROM audit WHERE action = 'read_request' AND actor = 'U0DANA'") == 1


async def test_statistics_are_of_this_channel_and_private(slack: SlackServer, house: House) -> None:
    await asked(slack, house)
    await slack.command("stats")
    said = await told(slack, "*#platform, November 2026*: 1 request")
    shown = str(said)
    for words in ("decide", "broadcast", "chair", "openai/gpt-5-mini", "often enough in this month for a suggestion"):
        assert words in shown, words


async def test_statistics_of_a_month_without_requests_are_a_sentence(slack: SlackServer, house: House) -> None:
    await slack.command("stats 2020-01")
    await told(slack, "No request of January 2020 is over here, so there is nothing to compare.")
    assert house.spent_nusd() == 0


async def test_statistics_are_for_those_who_may_see_the_budget(slack: SlackServer, house: House) -> None:
    await asked(slack, house)
    slack.workspace.add_user("U0GUEST", "Gus", is_restricted=True)
    slack.workspace.channels[PLATFORM].members.add("U0GUEST")
    await slack.command("stats", user="U0GUEST")
    await told(slack, "Guests can only ask where an admin allowed it", user="U0GUEST")


async def replayed(house: House, run: str) -> Replay:
    engine = house.bot.engine
    story = await RunStories(engine.db).find(run)
    assert story is not None
    return await Replayer(engine).replay(story)


async def test_a_run_whose_thread_lost_its_words_replays_to_the_cents_and_says_why_no_more(
    slack: SlackServer, house: House
) -> None:
    await slack.command(DECIDE)
    await house.until_told(runs=1)
    first = run_id(house)
    root = house.ledger_text("SELECT thread_ts FROM run")
    await slack.say(f"<@{BOT_USER}> use answer: and on two machines?", thread_ts=root)
    await house.until_told(runs=2)
    second = run_id(house)
    whole = await replayed(house, second)
    assert (whole.is_same, whole.steps > 0) == (True, True)

    with closing(sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"))) as db, db:
        db.execute("DELETE FROM content WHERE run_id = :run", {"run": first})
    gone = await replayed(house, second)
    assert (gone.is_same, gone.steps, gone.cost_nusd) == (True, 0, whole.cost_nusd)
    assert gone.unknown[0] == DELETED_BEFORE

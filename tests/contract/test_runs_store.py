"""Runs, deliveries, messages owed, questions, chores and channel settings: what both databases promise the bot."""

import asyncio
from dataclasses import replace

import pytest

from patterns.core.errors import ParkedError, RunLostError, StorageError
from patterns.core.questions import Decision, Question
from storage.channels import ChannelSettings
from storage.chores import Chores
from storage.database.database import Database
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.questions import Questions
from storage.run_rows import NewRun, RunRow
from storage.runs import RunStore
from tests.support.ledgers import NEW_RUN, FakeClock, execute, park, personal_data, rows

LEASE_S = 30.0
SECOND_US, DAY_US = 1_000_000, 86_400_000_000
REQUEST = replace(
    NEW_RUN,
    request="SQLite or PostgreSQL?",
    flow="decide",
    options={"flow": "decide", "agents": []},
    roster_hash="hash",
    roster_json='{"version": 1}',
    delivery_key="trigger:1",
)
QUESTION = Question(kind="confirm", title="decide", amount_nusd=250_000_000)


@pytest.fixture
def inbox(database: Database, clock: FakeClock) -> Inbox:
    return Inbox(database, clock)


async def owned(store: RunStore, new: NewRun = REQUEST, *, owner: str = "A") -> RunRow:
    run_id, _is_new = await store.accept(new)
    run = await store.claim(run_id, owner=owner, lease_s=LEASE_S)
    assert run is not None
    return run


async def finish(store: RunStore, run: RunRow, intents: tuple[str, ...] = ()) -> str | None:
    return await store.finish(
        run, stop_reason="completed", result_json='{"output": "SQLite"}', cost_nusd=7, executed_ms=9, intents=intents
    )


# ---------------------------------------------------------------- accepting


async def test_an_accepted_request_is_kept_with_its_words_and_its_roster(store: RunStore) -> None:
    run_id, is_new = await store.accept(REQUEST)
    run = await store.get(run_id)
    assert is_new
    assert run is not None
    assert (run.status, run.user, run.options) == ("accepted", "U1", {"flow": "decide", "agents": []})
    assert await store.text(run_id, "request") == "SQLite or PostgreSQL?"
    assert await store.snapshot("hash") == '{"version": 1}'
    with pytest.raises(StorageError):
        await store.snapshot("another")


async def test_the_same_delivery_is_the_same_run(store: RunStore) -> None:
    first, _ = await store.accept(REQUEST)
    again = await asyncio.gather(*(store.accept(replace(REQUEST, request="twice")) for _ in range(5)))
    other, is_new = await store.accept(replace(REQUEST, delivery_key="trigger:2"))
    assert again == [(first, False)] * 5
    assert (other != first, is_new) == (True, True)
    assert await store.text(first, "request") == "SQLite or PostgreSQL?"


# ---------------------------------------------------------------- one owner


async def test_one_of_many_claims_a_run(store: RunStore) -> None:
    run_id, _ = await store.accept(REQUEST)
    claims = await asyncio.gather(*(store.claim(run_id, owner=name, lease_s=LEASE_S) for name in "ABCDE"))
    assert [claim.epoch for claim in claims if claim is not None] == [1]


async def test_a_lease_that_ran_out_lets_the_next_one_in_and_the_old_owner_out(
    store: RunStore, clock: FakeClock
) -> None:
    old = await owned(store)
    clock.us += int(LEASE_S * SECOND_US)
    new = await store.claim(old.id, owner="B", lease_s=LEASE_S)
    assert new is not None
    assert new.epoch == old.epoch + 1
    assert await store.renew_all([(old.fence, 1)], lease_s=LEASE_S) == [(False, None)]
    with pytest.raises(RunLostError):
        await store.assign_thread(old, root_ts="1.1", thread_ts="1.1")
    with pytest.raises(RunLostError):
        await park(store, old.fence, executed_ms=1)
    with pytest.raises(RunLostError):
        await finish(store, old)
    assert await finish(store, new) is None


async def test_a_renewed_lease_keeps_others_out_and_says_who_wants_a_stop(store: RunStore, clock: FakeClock) -> None:
    run = await owned(store)
    clock.us += int(LEASE_S * SECOND_US) - 1
    assert await store.renew_all([(run.fence, 29_000)], lease_s=LEASE_S) == [(True, None)]
    clock.us += SECOND_US
    assert await store.claim(run.id, owner="B", lease_s=LEASE_S) is None
    assert await store.request_cancel(run.id, by="U1") is True
    assert await store.request_cancel(run.id, by="U2") is False
    assert await store.renew_all([(run.fence, 30_000)], lease_s=LEASE_S) == [(True, "U1")]


async def test_a_run_let_go_is_claimed_at_once_with_its_time(store: RunStore) -> None:
    run = await owned(store)
    await store.release(run.fence, executed_ms=1234)
    again = await store.claim(run.id, owner="B", lease_s=LEASE_S)
    assert again is not None
    assert (again.epoch, again.executed_ms) == (2, 1234)


async def test_a_new_bot_takes_over_the_runs_of_slack_and_leaves_those_of_shells(store: RunStore) -> None:
    mine = await owned(store)
    shell = await owned(store, replace(REQUEST, kind="terminal", delivery_key="shell"))
    await store.expire_leases()
    assert await store.claim(mine.id, owner="B", lease_s=LEASE_S) is not None
    assert await store.claim(shell.id, owner="B", lease_s=LEASE_S) is None


# ---------------------------------------------------------------- threads


async def test_a_thread_works_on_one_run_at_a_time_in_the_order_of_asking(store: RunStore, clock: FakeClock) -> None:
    first = await owned(store, replace(REQUEST, thread_ts="1.1"))
    ids = []
    for number in (2, 3):
        clock.us += SECOND_US
        ids.append((await store.accept(replace(REQUEST, thread_ts="1.1", delivery_key=f"trigger:{number}")))[0])
    assert await store.claim(ids[0], owner="A", lease_s=LEASE_S) is None
    assert await finish(store, first) == ids[0]
    second = await store.claim(ids[0], owner="A", lease_s=LEASE_S)
    assert second is not None
    assert await store.claim(ids[1], owner="A", lease_s=LEASE_S) is None
    assert await finish(store, second) == ids[1]


async def test_a_late_hint_does_not_occupy_the_thread_of_a_run_that_is_over(store: RunStore) -> None:
    run = await owned(store, replace(REQUEST, thread_ts="1.1"))
    await finish(store, run)
    assert await store.claim(run.id, owner="B", lease_s=LEASE_S) is None
    other, _ = await store.accept(replace(REQUEST, thread_ts="1.1", delivery_key="trigger:2"))
    assert await store.claim(other, owner="A", lease_s=LEASE_S) is not None


async def test_a_parked_run_keeps_its_thread_until_it_is_over(store: RunStore) -> None:
    run = await owned(store)
    await store.assign_thread(run, root_ts="1.1", thread_ts="1.1")
    await park(store, run.fence, executed_ms=5)
    other, _ = await store.accept(replace(REQUEST, thread_ts="1.1", delivery_key="trigger:2"))
    assert await store.claim(other, owner="A", lease_s=LEASE_S) is None
    assert await store.claim(run.id, owner="A", lease_s=LEASE_S) is None
    assert [await store.unpark(run.id), await store.unpark(run.id)] == [run.lane, None]
    again = await store.claim(run.id, owner="A", lease_s=LEASE_S)
    assert again is not None
    assert (again.root_ts, again.executed_ms) == ("1.1", 5)
    assert await finish(store, again) == other


# ---------------------------------------------------------------- endings


async def test_an_ending_is_written_with_the_messages_that_tell_it(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    run = await owned(store)
    await finish(store, run, ("answer/0", "answer/1"))
    ended = await store.get(run.id)
    assert ended is not None
    assert (ended.status, ended.stop_reason, ended.cost_nusd, ended.executed_ms) == ("done", "completed", 7, 9)
    assert await store.text(run.id, "result") == '{"output": "SQLite"}'
    assert await store.request_cancel(run.id, by="U1") is False
    with pytest.raises(RunLostError):
        await finish(store, run)
    outbox = Outbox(database, clock)
    clock.us += int(LEASE_S * SECOND_US)
    for name in ("answer/0", "answer/1"):
        assert await store.undelivered_ids() == [run.id]
        await outbox.mark_posted(run.id, name, "2.2")
    assert await store.undelivered_ids() == []


async def test_one_process_at_a_time_tells_an_ending(store: RunStore, clock: FakeClock) -> None:
    run = await owned(store)
    await finish(store, run, ("answer/0",))
    assert await store.claim_redelivery(run.id, owner="B", lease_s=LEASE_S) is None
    clock.us += int(LEASE_S * SECOND_US)
    tellers = await asyncio.gather(*(store.claim_redelivery(run.id, owner=n, lease_s=LEASE_S) for n in "BCD"))
    assert len([teller for teller in tellers if teller is not None]) == 1


async def test_people_see_their_latest_runs_and_what_is_live(store: RunStore, clock: FakeClock) -> None:
    ids = []
    for number in range(3):
        clock.us += SECOND_US
        ids.append((await owned(store, replace(REQUEST, delivery_key=f"trigger:{number}"))).id)
    await owned(store, replace(REQUEST, user="U2", channel="C2", delivery_key="other"))
    assert [run.id for run in await store.recent("T1", "U1", most=2)] == [ids[2], ids[1]]
    assert [run.id for run in await store.unfinished("T1", "C1")] == ids[::-1]
    assert await store.unfinished("T2", "C1") == []


async def test_the_latest_word_on_an_answer_counts(database: Database, store: RunStore) -> None:
    run = await owned(store)
    for value in ("up", "down"):
        await store.record_feedback(run.id, user="U1", value=value)
    assert [row["value"] for row in await rows(database, "SELECT value FROM feedback")] == ["down"]


# ---------------------------------------------------------------- deliveries


async def test_a_delivery_is_stored_once_and_open_until_it_is_done(inbox: Inbox, clock: FakeClock) -> None:
    stored = [await inbox.store("k1", "T1", "command", {"text": "é"}) for _ in range(2)]
    clock.us += SECOND_US
    await inbox.store("k2", "T1", "event", {})
    clock.us += SECOND_US
    assert stored == [True, False]
    assert [(d.key, d.payload) for d in await inbox.unprocessed()] == [("k1", {"text": "é"}), ("k2", {})]
    await inbox.mark_processed("k1", "done")
    assert [delivery.key for delivery in await inbox.unprocessed()] == ["k2"]
    assert await inbox.store("k1", "T1", "command", {}) is False
    assert await inbox.find("k1", workspace="T1") == {"text": "é"}


async def test_what_was_dealt_with_is_forgotten_and_what_was_not_is_kept(inbox: Inbox, clock: FakeClock) -> None:
    for key in ("done", "open"):
        await inbox.store(key, "T1", "command", {})
    await inbox.mark_processed("done")
    await inbox.delete_processed(before_us=clock.us)
    assert await inbox.find("done", workspace="T1") == {}
    await inbox.delete_processed(before_us=clock.us + 1)
    assert (await inbox.find("done", workspace="T1"), await inbox.find("open", workspace="T1")) == (None, {})


# ---------------------------------------------------------------- messages we owe


async def test_a_message_is_posted_at_once_looked_for_after_a_crash_and_then_known(
    database: Database, clock: FakeClock
) -> None:
    outbox, next_process = Outbox(database, clock), Outbox(database, clock)
    assert await outbox.add_intent("R1", "root", "C1") == ("new", None)
    assert await next_process.add_intent("R1", "root", "C1") == ("intended", None)
    await next_process.mark_posted("R1", "root", "1.1")
    assert await outbox.add_intent("R1", "root", "C1") == ("posted", "1.1")
    await outbox.mark_abandoned("R1", "root")
    assert await outbox.find("R1", "root") == "1.1"


async def test_an_intent_of_ones_own_transaction_needs_no_search_once(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    run = await owned(store)
    await finish(store, run, ("answer/0",))
    outbox = Outbox(database, clock)
    outbox.note_committed(run.id, "answer/0")
    assert await outbox.add_intent(run.id, "answer/0", "C1") == ("new", None)
    assert await outbox.add_intent(run.id, "answer/0", "C1") == ("intended", None)
    await outbox.mark_abandoned(run.id, "answer/0")
    assert await outbox.add_intent(run.id, "answer/0", "C1") == ("abandoned", None)


async def test_what_was_posted_or_given_up_is_not_remembered_as_waiting(database: Database, clock: FakeClock) -> None:
    outbox = Outbox(database, clock)
    for name in ("closed", "answer/0"):
        outbox.note_committed("R1", name)
    await outbox.mark_posted("R1", "closed", "1.1")
    await outbox.mark_abandoned("R1", "answer/0")
    assert [outbox.is_unattempted("R1", name) for name in ("closed", "answer/0")] == [False, False]


# ---------------------------------------------------------------- questions


async def test_a_question_parks_its_run_and_the_first_decision_counts(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    questions, run = Questions(database, clock), await owned(store)
    for _ in range(2):
        with pytest.raises(ParkedError):
            await questions.ask(run.fence, "confirm", QUESTION)
    (asked,) = await questions.of_run(run.id)
    assert asked.decision is None
    assert (asked.path, asked.question, asked.asked_us) == ("confirm", QUESTION, clock.us)
    yes, no = Decision(verdict="run", user="U1"), Decision(verdict="cancel", user="U2")
    assert await questions.decide(run.id, "confirm", yes) == yes
    assert await questions.decide(run.id, "confirm", no) == yes
    assert [one.decision for one in await questions.of_run(run.id)] == [yes]
    assert await questions.ask(run.fence, "confirm", QUESTION) == yes


# ---------------------------------------------------------------- chores


async def test_a_chore_is_done_by_one_and_again_only_when_it_is_given_back(
    database: Database, clock: FakeClock
) -> None:
    chores = Chores(database, clock)
    claims = await asyncio.gather(*(chores.claim_once("month/C1/2026-12", by=name) for name in "ABCDE"))
    assert sorted(claims) == [False] * 4 + [True]
    await chores.release("month/C1/2026-12")
    assert await chores.claim_once("month/C1/2026-12", by="A") is True


async def test_texts_are_forgotten_and_the_run_with_its_money_stays(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    run = await owned(store)
    await finish(store, run)
    unfinished = await owned(store, replace(REQUEST, delivery_key="open"))
    data = personal_data(database, clock)
    await data.delete_expired(texts_us=clock.us, attachments_us=clock.us, ratings_us=clock.us)
    assert await store.text(run.id, "request") is not None
    later_us = clock.us + DAY_US
    await data.delete_expired(texts_us=later_us, attachments_us=later_us, ratings_us=later_us)
    assert [await store.text(run.id, kind) for kind in ("request", "result")] == [None, None]
    assert await store.text(unfinished.id, "request") == "SQLite or PostgreSQL?"
    kept = await store.get(run.id)
    assert kept is not None
    assert kept.cost_nusd == 7


async def test_the_latest_month_with_spending_is_known_for_each_channel(database: Database, clock: FakeClock) -> None:
    for channel, period, settled in (("C1", "2026-09", 5), ("C1", "2026-10", 5), ("C2", "2026-11", 0)):
        await execute(
            database,
            "INSERT INTO account (id, workspace, kind, key, period, settled_nusd) "
            "VALUES (:id, 'T1', 'channel', :key, :period, :nusd)",
            id=f"{channel}{period}",
            key=channel,
            period=period,
            nusd=settled,
        )
    spent = await Chores(database, clock).latest_months()
    assert [(month.channel, month.period, month.zone) for month in spent] == [("C1", "2026-10", None)]


# ---------------------------------------------------------------- channel settings


async def test_channel_settings_merge_and_every_change_is_in_the_audit_log(
    database: Database, clock: FakeClock
) -> None:
    settings = ChannelSettings(database, clock)
    assert await settings.find(workspace="T1", channel="C1") == {}
    await settings.save({"guests": True}, workspace="T1", channel="C1", actor="U9")
    await settings.save({"external": True}, workspace="T1", channel="C1", actor="U9")
    assert await settings.find(workspace="T1", channel="C1") == {"guests": True, "external": True}
    audit = await rows(database, "SELECT actor, before_json FROM audit ORDER BY after_json DESC")
    assert {(row["actor"], row["before_json"]) for row in audit} == {("U9", "{}"), ("U9", '{"guests": true}')}


async def test_two_admins_at_once_lose_nothing(database: Database, clock: FakeClock) -> None:
    settings = ChannelSettings(database, clock)
    changes = [{f"setting {number}": True} for number in range(8)]
    await asyncio.gather(*(settings.save(c, workspace="T1", channel="C1", actor="U9") for c in changes))
    assert sorted(await settings.find(workspace="T1", channel="C1")) == sorted(key for c in changes for key in c)


# ---------------------------------------------------------------- naming a run


async def test_a_run_is_meant_by_its_id_or_by_a_beginning_of_its_own(database: Database, store: RunStore) -> None:
    run_id, _ = await store.accept(REQUEST)  # by U1 in C1
    other, _ = await store.accept(replace(REQUEST, workspace="T2"))
    await execute(database, "UPDATE run SET id = :new WHERE id = :old", new="rabc000000001", old=run_id)
    await execute(database, "UPDATE run SET id = :new WHERE id = :old", new="rabc000000002", old=other)

    async def named(said: str, workspace: str = "", channel: str = "", user: str = "U1") -> tuple[str | None, int]:
        run, fits = await store.named(said, workspace=workspace, channel=channel, user=user)
        return run and run.id, fits

    assert await named("rabc000000001") == ("rabc000000001", 1)
    assert await named("rabc0") == (None, 2)
    assert await named("rabc0", workspace="T2") == ("rabc000000002", 1)
    assert await named("rabc000000001", workspace="T2") == (None, 0)
    assert await named("rabc0", workspace="T1", channel="C1", user="U2") == ("rabc000000001", 1)
    assert await named("rabc0", workspace="T1", channel="C2", user="U2") == (None, 0)
    assert await named("rabc000000001", workspace="T1", channel="C2", user="U2") == ("rabc000000001", 1)
    for unknown in ("rab", "rabd", "%", "r___", "rabc%", ""):
        assert await named(unknown) == (None, 0)

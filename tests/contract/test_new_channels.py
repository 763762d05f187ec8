"""New channels begin with what the deployment decided, once; an admin's decision ends it, however it is made."""

import asyncio

from patterns.core.holds import Payer
from storage.channels import ChannelSettings
from storage.database.database import Database
from storage.ledger.balances import Balances
from storage.ledger.budgets import Budgets
from storage.new_channels import NewChannels, ProvisionalLimit
from tests.support.ledgers import CENT, POLICY, Asking, FakeClock, open_run

PAYER = Payer("T1", "C1", "channel", "U1")
TRIAL = ProvisionalLimit("trial", 20 * CENT)


async def limit_nusd(database: Database) -> int | None:
    return (await Balances(database, FakeClock(), POLICY).balance(PAYER)).limit_nusd


async def test_a_new_channel_begins_with_its_trial(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    assert await store.find("T1", "C1") == TRIAL
    assert await limit_nusd(database) == TRIAL.limit_nusd


async def test_it_is_opened_once_whatever_is_decided_later(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    await store.register("T1", "C1", ProvisionalLimit("off", 0))
    await store.register("T1", "C1", None)
    assert await store.find("T1", "C1") == TRIAL


async def test_two_processes_open_one_channel(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    await asyncio.gather(*(store.register("T1", "C1", TRIAL) for _ in range(5)))
    assert await store.find("T1", "C1") == TRIAL


async def test_a_channel_where_something_was_asked_before_keeps_what_it_has(database: Database) -> None:
    await open_run(database, Asking(payer=PAYER))
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    assert await store.find("T1", "C1") is None
    assert await limit_nusd(database) == POLICY.channel_nusd


async def test_a_channel_that_was_configured_before_keeps_what_it_has(database: Database) -> None:
    await Budgets(database, FakeClock(), POLICY).set_limit(PAYER, 70 * CENT, actor="UADMIN")
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    assert (await store.find("T1", "C1"), await limit_nusd(database)) == (None, 70 * CENT)


async def test_enabling_gives_the_usual_limit_once_and_is_in_the_audit_log(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    assert [await store.enable("T1", "C1", actor="UADMIN") for _ in range(2)] == [True, False]
    assert (await store.find("T1", "C1"), await limit_nusd(database)) == (None, POLICY.channel_nusd)


async def test_what_was_never_on_trial_cannot_be_enabled(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    assert not await store.enable("T1", "C1", actor="UADMIN")
    await store.register("T1", "C1", None)
    assert not await store.enable("T1", "C1", actor="UADMIN")


async def test_a_limit_that_an_admin_sets_is_a_decision_too(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    await Budgets(database, FakeClock(), POLICY).set_limit(PAYER, 50 * CENT, actor="UADMIN")
    assert await store.find("T1", "C1") is None
    assert not await store.enable("T1", "C1", actor="UADMIN")
    assert await limit_nusd(database) == 50 * CENT


async def test_settings_of_a_channel_leave_its_trial_alone(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    await ChannelSettings(database, FakeClock()).save({"guests": True}, workspace="T1", channel="C1", actor="UADMIN")
    assert await store.find("T1", "C1") == TRIAL


async def test_channels_of_two_workspaces_are_two(database: Database) -> None:
    store = NewChannels(database, FakeClock())
    await store.register("T1", "C1", TRIAL)
    assert (await store.find("T2", "C1"), await store.is_known("T2", "C1")) == (None, False)

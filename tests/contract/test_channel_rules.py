"""Rules of a channel that several admins change at the same moment: every change is kept, and none is made twice."""

import asyncio
from dataclasses import replace

from bot.people.channel_rules import Audience, ChannelRules, StoredRules
from storage.audit import AuditLog
from storage.channels import ChannelSettings
from storage.database.database import Database
from tests.support.ledgers import FakeClock

WHERE = {"workspace": "T1", "channel": "C1"}


def store(database: Database) -> StoredRules:
    return StoredRules(ChannelSettings(database, FakeClock()))


async def test_changes_of_one_moment_are_all_kept(database: Database) -> None:
    rules = store(database)
    await asyncio.gather(
        rules.change_rules(lambda now: replace(now, guests=True), **WHERE, actor="UA"),
        rules.change_rules(lambda now: replace(now, external=True), **WHERE, actor="UB"),
        *(
            rules.change_rules(lambda now, one=f"U{n}": replace(now, owners=now.owners | {one}), **WHERE, actor="UC")
            for n in range(5)
        ),
    )
    owners = frozenset(f"U{n}" for n in range(5))
    assert await rules.rules(**WHERE) == ChannelRules(guests=True, external=True, owners=owners)


async def test_only_the_field_that_changed_is_written(database: Database) -> None:
    rules, settings = store(database), ChannelSettings(database, FakeClock())
    await rules.change_rules(lambda now: replace(now, guests=True), **WHERE, actor="UA")
    assert await settings.find(**WHERE) == {"guests": True}


async def test_people_of_one_tool_are_kept_and_a_program_without_them_has_it_off(database: Database) -> None:
    rules, settings = store(database), ChannelSettings(database, FakeClock())
    whom = {"desk.act": Audience("named", frozenset({"U2", "U1"})), "desk.find": Audience("members")}
    await rules.change_rules(lambda now: replace(now, tools=frozenset({"desk.list"})), **WHERE, actor="UA")
    await rules.change_rules(lambda now: replace(now, tools_whom=whom), **WHERE, actor="UA")
    found = await rules.rules(**WHERE)
    assert (found.tools_whom, found.tools_on) == (whom, {"desk.list", "desk.act", "desk.find"})
    assert await settings.find(**WHERE) == {
        "tools": ["desk.list"],
        "tools_whom": {"desk.act": ["named", "U1", "U2"], "desk.find": ["members"]},
    }


async def test_what_changes_nothing_is_not_written_down(database: Database) -> None:
    rules = store(database)
    before, after = await rules.change_rules(lambda now: now, **WHERE, actor="UA")
    assert (before, after) == (ChannelRules(), ChannelRules())
    assert await AuditLog(database, FakeClock()).entries_since(0) == []

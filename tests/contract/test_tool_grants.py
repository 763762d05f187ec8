"""Standing approvals of tools, on both databases: one channel, one description, thirty days, on the record."""

import pytest

from storage.audit import AuditLog
from storage.database.database import Database
from storage.tool_grants import GRANT_S, ToolGrants
from tests.support.ledgers import FakeClock, personal_data

HERE = {"workspace": "T1", "channel": "C1"}
TOOL = ("tickets.create_issue", "hash of its description")


@pytest.fixture
def grants(database: Database, clock: FakeClock) -> ToolGrants:
    return ToolGrants(database, clock)


async def tools_of(grants: ToolGrants, workspace: str = "T1", channel: str = "C1") -> list[tuple[str, str, str]]:
    found = [one.grant for one in await grants.standing(workspace=workspace, channel=channel)]
    return [(grant.tool, grant.schema_hash, grant.given_by) for grant in found]


async def test_an_approval_holds_in_its_channel_only_and_until_it_expires(grants: ToolGrants, clock: FakeClock) -> None:
    await grants.give([TOOL], **HERE, by="U1")
    assert await tools_of(grants) == [(*TOOL, "U1")]
    assert (await tools_of(grants, channel="C2"), await tools_of(grants, workspace="T2")) == ([], [])
    await clock.sleep(GRANT_S - 1)
    assert await tools_of(grants) == [(*TOOL, "U1")]
    await clock.sleep(1)
    assert await tools_of(grants) == []


async def test_given_again_it_is_one_that_stands_longer(grants: ToolGrants, clock: FakeClock) -> None:
    await grants.give([TOOL, TOOL], **HERE, by="U1")
    await clock.sleep(3600)
    await grants.give([TOOL], **HERE, by="U2")
    (one,) = await grants.standing(**HERE)
    assert (one.grant.given_by, one.expires_us) == ("U2", clock.us + GRANT_S * 1_000_000)


async def test_another_description_of_the_tool_is_another_approval(grants: ToolGrants) -> None:
    await grants.give([TOOL], **HERE, by="U1")
    await grants.give([(TOOL[0], "another")], **HERE, by="U1")
    assert {schema for _, schema, _ in await tools_of(grants)} == {TOOL[1], "another"}


async def test_it_is_taken_back_once_and_from_its_own_channel(grants: ToolGrants) -> None:
    await grants.give([TOOL], **HERE, by="U1")
    (one,) = await grants.standing(**HERE)
    assert await grants.revoke(one.grant.id, workspace="T2", channel="C1", by="U9") is None
    assert await grants.revoke(one.grant.id, workspace="T1", channel="C2", by="U9") is None
    assert await grants.revoke(one.grant.id, **HERE, by="U2") == one
    assert await grants.revoke(one.grant.id, **HERE, by="U2") is None
    assert await tools_of(grants) == []


async def test_both_are_in_the_audit_log(grants: ToolGrants, database: Database, clock: FakeClock) -> None:
    await grants.give([TOOL], **HERE, by="U1")
    (one,) = await grants.standing(**HERE)
    await grants.revoke(one.grant.id, **HERE, by="U2")
    found = await AuditLog(database, clock).entries_since(0, workspace="T1")
    assert sorted((row["actor"], row["action"]) for row in found) == [("U1", "grant tool"), ("U2", "revoke tool")]


async def test_it_is_handed_over_and_taken_back_with_the_person(
    grants: ToolGrants, database: Database, clock: FakeClock
) -> None:
    data = personal_data(database, clock)
    await grants.give([TOOL], **HERE, by="U1")
    await grants.give([TOOL], workspace="T1", channel="C2", by="U2")
    (kept,) = (await data.export_person(workspace="T1", user="U1"))["approvals_of_tools"]
    assert (kept["channel"], kept["tool"]) == ("C1", TOOL[0])
    await data.request_person_erasure(workspace="T1", user="U1", actor="U1")
    assert await data.erase_requested() == []
    assert (await tools_of(grants), len(await tools_of(grants, channel="C2"))) == ([], 1)

"""Which tools a run has: off until an admin says so, for whom, before whom; what cannot be checked is off."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from bot.people.access import Access
from bot.people.admins import Admins
from bot.people.channel_rules import Audience, ChannelRules
from bot.people.channel_tools import ChannelTools
from bot.people.directory import AccessError, LookupFailedError
from patterns.core.tools import Grant, ToolRules
from patterns.roster.tool_schema import ToolSpec, tool_specs
from storage.run_rows import RunRow
from storage.tool_grants import StandingGrant
from tests.fakes.bot_services import FakeRules

TEAM, HERE, ASKER, ADMIN, GUEST = "T1", "C1", "U0LEE", "U0DANA", "U0GUEST"
FIND = ToolSpec("wiki", "find", read_only=True, asks=False, dm=True)
CREATE = ToolSpec("tickets", "create", dm=True)
STRICT = ToolSpec("tickets", "close", approve_by="other", dm=True)
OWNED = ToolSpec("tickets", "pay", approve_by="owner", dm=True)
NAMED = ToolSpec("tickets", "drop", approve_by="named", approvers=(ASKER,), dm=True)
INSIDE = ToolSpec("tickets", "list", read_only=True, asks=False)
SPECS = {spec.name: spec for spec in (FIND, CREATE, STRICT, OWNED, NAMED, INSIDE)} | dict(tool_specs({}))
GRANT = StandingGrant(Grant("g1", CREATE.name, "hash", ADMIN), 0, 1)


@dataclass
class World:
    """Slack's directory and the grants of one channel."""

    conversation: dict[str, Any] | None = field(default_factory=lambda: {"id": HERE, "is_member": True})
    guests: bool = False
    is_away: bool = False

    async def user(self, user: str, *, workspace: str, anew: bool = False) -> dict[str, Any]:  # noqa: ARG002
        if self.is_away:
            raise LookupFailedError
        return {"id": user, "team_id": TEAM, "is_admin": user == ADMIN, "is_restricted": user == GUEST}

    async def channel(self, channel: str, *, workspace: str) -> dict[str, Any] | None:  # noqa: ARG002
        return self.conversation

    async def is_member(self, user: str, channel: str, *, workspace: str) -> bool:  # noqa: ARG002
        return True

    async def direct_messages(self, user: str, *, workspace: str) -> str:
        raise NotImplementedError

    async def has_guests(self, channel: str, *, workspace: str) -> bool:  # noqa: ARG002
        if self.is_away:
            raise LookupFailedError
        return self.guests

    async def standing(self, *, workspace: str, channel: str) -> list[StandingGrant]:
        return [GRANT] if (workspace, channel) == (TEAM, HERE) else []


def desk(world: World, rules: ChannelRules) -> ChannelTools:
    known = FakeRules()
    known.by_channel[HERE] = rules
    access = Access(world, known, admins=Admins())
    return ChannelTools(access, world, known, world, lambda: SimpleNamespace(tools=SPECS), no_offers)  # type: ignore[arg-type, return-value]


async def no_offers(*_: object) -> tuple[()]:
    return ()


async def rules_for(world: World, rules: ChannelRules, user: str = ASKER) -> ToolRules:
    run = RunRow.__new__(RunRow)
    for name, value in {"id": "r1", "workspace": TEAM, "channel": HERE, "user": user}.items():
        object.__setattr__(run, name, value)
    return await desk(world, rules).rules_for(run)


ON = ChannelRules(tools=frozenset({FIND.name, CREATE.name, "gone.tool"}))


async def test_nothing_is_on_until_an_admin_says_so() -> None:
    assert (await rules_for(World(), ChannelRules())).enabled == frozenset()


async def test_what_is_on_is_what_the_roster_still_has_with_its_standing_approvals() -> None:
    found = await rules_for(World(), ON)
    assert found == ToolRules(enabled=frozenset({FIND.name, CREATE.name}), is_private=False, grants=(GRANT.grant,))


@pytest.mark.parametrize("guests", [True, False])
@pytest.mark.parametrize("shared", ["", "is_ext_shared", "is_pending_ext_shared"])
async def test_nothing_is_on_before_guests_and_others_unless_that_is_allowed(*, shared: str, guests: bool) -> None:
    world = World({"id": HERE, shared: True}, guests=guests)
    is_open = not guests and not shared
    assert bool((await rules_for(world, ON)).enabled) is is_open
    assert (await rules_for(world, replace(ON, tools_outside=True))).enabled


@pytest.mark.parametrize(
    ("tools_for", "user", "has"),
    [
        ("everyone", ASKER, True),
        ("everyone", GUEST, True),
        ("members", ASKER, True),
        ("members", GUEST, False),
        ("members", ADMIN, True),
        ("admins", ASKER, False),
        ("admins", ADMIN, True),
        ("named", ASKER, False),
        ("named", "U0NAMED", True),
        ("named", ADMIN, True),
    ],
)
async def test_they_are_on_for_those_whom_the_channel_says(tools_for: Any, user: str, *, has: bool) -> None:
    rules = replace(ON, tools_for=tools_for, tools_people=frozenset({"U0NAMED"}))
    assert bool((await rules_for(World(), rules, user)).enabled) is has


@pytest.mark.parametrize(
    ("who", "user", "has"),
    [
        ("everyone", GUEST, True),
        ("members", ASKER, True),
        ("members", GUEST, False),
        ("admins", ASKER, False),
        ("admins", ADMIN, True),
        ("named", "U0NAMED", True),
        ("named", ASKER, False),
    ],
)
@pytest.mark.parametrize("rest", ["everyone", "admins"])
async def test_a_tool_can_be_on_for_others_than_the_rest(who: Any, user: str, rest: Any, *, has: bool) -> None:
    people = frozenset({"U0NAMED"})
    rules = ChannelRules(
        tools=frozenset({FIND.name}),
        tools_for=rest,
        tools_whom={CREATE.name: Audience(who, people), "gone.tool": Audience()},
    )
    enabled = (await rules_for(World(), rules, user)).enabled
    assert enabled is not None
    assert (CREATE.name in enabled) is has
    assert (FIND.name in enabled) is (rest == "everyone" or user == ADMIN)
    here = await desk(World(), rules).here(workspace=TEAM, channel=HERE, user=ASKER)
    assert here.on == {FIND.name, CREATE.name}


async def test_direct_messages_have_what_the_roster_opens_and_one_can_decide_alone() -> None:
    world = World({"id": HERE, "is_im": True, "user": ASKER})
    found = await rules_for(world, ON)
    assert found == ToolRules(enabled=frozenset({FIND.name, CREATE.name, NAMED.name}), is_private=True)
    assert (await rules_for(world, ON, ADMIN)).enabled == {FIND.name, CREATE.name, OWNED.name}
    assert (await rules_for(world, ON, GUEST)).enabled == frozenset()


@pytest.mark.parametrize("how", [{"is_private": True}, {"is_mpim": True}, {"is_ext_shared": True, "is_private": True}])
async def test_a_private_place_is_private(how: dict[str, bool]) -> None:
    assert (await rules_for(World({"id": HERE, **how}), replace(ON, tools_outside=True))).is_private


async def test_what_cannot_be_checked_is_off() -> None:
    assert await rules_for(World(is_away=True), ON) == ToolRules(is_private=True)
    assert await rules_for(World(None), ON) == ToolRules(is_private=True)


async def test_a_look_says_why_they_are_off() -> None:
    here = await desk(World(guests=True), ON).here(workspace=TEAM, channel=HERE, user=ASKER)
    assert (here.on, here.outsiders, here.grants) == (frozenset(), True, (GRANT,))
    assert [spec.server for spec in here.specs if spec.is_built_in] == []


async def test_only_admins_change_anything() -> None:
    tools = desk(World(), ON)
    for user in (ASKER, GUEST):
        with pytest.raises(AccessError):
            await tools.change(lambda rules: rules, workspace=TEAM, channel=HERE, user=user)
        with pytest.raises(AccessError):
            await tools.revoke("g1", workspace=TEAM, channel=HERE, user=user)
    await tools.change(lambda rules: replace(rules, tools=frozenset()), workspace=TEAM, channel=HERE, user=ADMIN)
    assert (await rules_for_desk(tools)).enabled == frozenset()


async def rules_for_desk(tools: ChannelTools) -> ToolRules:
    here = await tools.here(workspace=TEAM, channel=HERE, user=ADMIN)
    return ToolRules(enabled=here.on)

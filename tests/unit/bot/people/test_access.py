from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.commands import Allow
from bot.people.access import Access, AccessError, Place
from bot.people.admins import Admins
from bot.people.channel_rules import ChannelRules
from bot.people.directory import LookupFailedError, SlackDirectory
from bot.slack.workspaces import OneToken
from tests.fakes.bot_services import ANNA, BEN, CHANNEL, DM, OUTSIDE, PRIVATE, TEAM, UNREACHABLE, FakeRules, FakeSlack


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> FakeSlack:
    made = FakeSlack()
    made.install(monkeypatch)
    return made


@pytest.fixture
def rules() -> FakeRules:
    return FakeRules()


class Ticks:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def access(slack: FakeSlack, rules: FakeRules, ticks: Ticks) -> Access:  # noqa: ARG001 - it stands in for the network
    return Access(SlackDirectory(AsyncWebClient(), OneToken("xoxb-test"), monotonic=ticks), rules, admins=Admins({BEN}))


def person(slack: FakeSlack, **more: Any) -> None:
    slack.answers[f"users.info {ANNA}"] = {"user": {"id": ANNA, "team_id": TEAM, **more}}


def conversation(slack: FakeSlack, **more: Any) -> None:
    slack.answers[f"conversations.info {CHANNEL}"] = {"channel": {"id": CHANNEL, "is_member": True, **more}}


async def admit(access: Access, channel: str = CHANNEL) -> Place:
    return await access.admit(workspace=TEAM, channel=channel, user=ANNA)


@pytest.mark.usefixtures("slack")
@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (CHANNEL, Place("channel", can_post=True, name="platform")),
        (DM, Place("dm", can_post=True)),
        (OUTSIDE, Place("channel", can_post=False, name="general")),
        (PRIVATE, Place("channel", can_post=False)),
    ],
)
async def test_members_run_where_we_are(access: Access, channel: str, expected: Place) -> None:
    assert expected == await admit(access, channel)


CLOSED = [
    ({"is_restricted": True}, {}, "guests"),
    ({"is_restricted": True, "is_ultra_restricted": True}, {}, "guests"),
    ({"is_stranger": True}, {}, "external"),
    ({"team_id": "T2"}, {}, "external"),
    ({}, {"is_ext_shared": True}, "external"),
    ({}, {"is_pending_ext_shared": True}, "external"),
]


@pytest.mark.parametrize(("who", "where", "rule"), CLOSED)
async def test_outsiders_are_refused_until_an_admin_allows_them_there(
    access: Access, slack: FakeSlack, rules: FakeRules, who: dict[str, Any], where: dict[str, Any], rule: str
) -> None:
    person(slack, **who)
    conversation(slack, **where)
    with pytest.raises(AccessError, match=f"/agents allow {rule}"):
        await admit(access)
    rules.by_channel["C-another"] = ChannelRules(guests=True, external=True)
    with pytest.raises(AccessError):
        await admit(access)
    rules.by_channel[CHANNEL] = ChannelRules(guests=rule == "guests", external=rule == "external")
    assert (await admit(access)).can_post


async def test_allowing_guests_does_not_allow_other_organisations(
    access: Access, slack: FakeSlack, rules: FakeRules
) -> None:
    rules.by_channel[CHANNEL] = ChannelRules(guests=True)
    person(slack, is_restricted=True, is_stranger=True, team_id="T2")
    with pytest.raises(AccessError):
        await admit(access)


@pytest.mark.parametrize("flag", ["deleted", "is_bot", "is_workflow_bot"])
async def test_only_active_people_are_answered(access: Access, slack: FakeSlack, flag: str) -> None:
    person(slack, **{flag: True})
    with pytest.raises(AccessError, match="active account"):
        await admit(access)


async def test_members_of_the_same_organisation_are_no_strangers(access: Access, slack: FakeSlack) -> None:
    person(slack, team_id="T2", enterprise_user={"enterprise_id": "E1", "teams": [TEAM, "T2"]})
    assert (await admit(access)).can_post


async def test_archived_channels_are_refused(access: Access, slack: FakeSlack) -> None:
    conversation(slack, is_archived=True)
    with pytest.raises(AccessError, match="archived"):
        await admit(access)


@pytest.mark.parametrize("failure", [UNREACHABLE, TimeoutError(), "missing_scope", "ratelimited", {"ok": True}])
@pytest.mark.parametrize("lookup", [f"users.info {ANNA}", f"conversations.info {CHANNEL}"])
async def test_what_cannot_be_checked_is_refused(access: Access, slack: FakeSlack, lookup: str, failure: Any) -> None:
    slack.answers[lookup] = failure
    with pytest.raises(LookupFailedError, match="nothing was started"):
        await admit(access)


async def test_answers_of_slack_are_remembered_for_a_while(access: Access, slack: FakeSlack, ticks: Ticks) -> None:
    for ticks.now_s in (0.0, 59.0, 61.0, 299.0, 301.0):
        await admit(access)
    assert (len(slack.called("users.info")), len(slack.called("conversations.info"))) == (2, 3)


async def test_an_invitation_counts_at_once(access: Access, slack: FakeSlack) -> None:
    assert not (await admit(access, PRIVATE)).can_post
    slack.answers[f"conversations.info {PRIVATE}"] = {"channel": {"id": PRIVATE, "is_member": True}}
    assert (await admit(access, PRIVATE)).can_post


@pytest.mark.parametrize("role", ["is_admin", "is_owner", "is_primary_owner"])
async def test_admins_are_those_slack_names(access: Access, slack: FakeSlack, role: str) -> None:
    assert not await access.is_admin(ANNA, workspace=TEAM)
    person(slack, **{role: True})
    assert await Access(SlackDirectory(AsyncWebClient(), OneToken("")), FakeRules(), admins=Admins()).is_admin(
        ANNA, workspace=TEAM
    )


async def test_a_deactivated_admin_is_none(access: Access, slack: FakeSlack) -> None:
    person(slack, is_admin=True, deleted=True)
    assert not await access.is_admin(ANNA, workspace=TEAM)


async def test_the_asker_stops_even_while_slack_cannot_be_asked(access: Access, slack: FakeSlack) -> None:
    slack.answers[f"users.info {ANNA}"] = UNREACHABLE
    assert await access.may_stop(ANNA, asker=ANNA, workspace=TEAM, channel=CHANNEL)
    with pytest.raises(LookupFailedError):
        await access.may_stop(ANNA, asker=BEN, workspace=TEAM, channel=CHANNEL)


@pytest.mark.usefixtures("slack")
async def test_others_stop_and_decide_only_with_a_role(access: Access, rules: FakeRules) -> None:
    async def rights() -> tuple[bool, bool]:
        where = {"asker": "UCARL", "workspace": TEAM, "channel": CHANNEL}
        return await access.may_stop(ANNA, **where), await access.may_decide(ANNA, **where)

    assert await rights() == (False, False)
    assert await access.may_decide(ANNA, asker="UCARL", workspace=TEAM, channel=CHANNEL, approvers=[ANNA])
    assert await access.may_stop(BEN, asker="UCARL", workspace=TEAM, channel=CHANNEL)
    rules.by_channel[CHANNEL] = ChannelRules(owners=frozenset({ANNA}))
    assert await rights() == (True, True)


@pytest.mark.usefixtures("slack")
async def test_only_admins_open_a_channel(access: Access, rules: FakeRules) -> None:
    change = Allow("external", allowed=True)
    with pytest.raises(AccessError, match="Only admins"):
        await access.allow(change, workspace=TEAM, channel=CHANNEL, user=ANNA)
    assert rules.changes == []
    said = await access.allow(change, workspace=TEAM, channel=CHANNEL, user=BEN)
    assert said == "UBEN changed whether people of other organisations may run agents here from no to yes."
    assert rules.by_channel == {CHANNEL: ChannelRules(external=True)}
    said = await access.allow(Allow("external", allowed=False), workspace=TEAM, channel=CHANNEL, user=BEN)
    assert said == "UBEN changed whether people of other organisations may run agents here from yes to no."
    assert rules.by_channel == {CHANNEL: ChannelRules()}

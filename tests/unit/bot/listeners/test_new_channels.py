"""Invited into a channel, and the button that enables one."""

import pytest

from bot.messages.action_ids import CHANNEL_ENABLE
from bot.messages.notice_views import NoticeView
from tests.fakes.bot_services import ANNA, BEN, BOT, CHANNEL, OUTSIDE, TEAM, Bot, click, event

JOINED = {"type": "member_joined_channel", "channel_type": "C", "team": TEAM, "event_ts": "1700000000.000100"}


async def test_an_invitation_is_stored_and_names_who_invited(bot: Bot) -> None:
    body = event({**JOINED, "user": BOT, "channel": CHANNEL, "inviter": BEN})
    await bot.receive(body)
    assert bot.welcome.invitations == [(CHANNEL, BEN)]
    assert list(bot.inbox.notes) == [f"event:{TEAM}:{body['event_id']}"]


async def test_nobody_may_have_invited(bot: Bot) -> None:
    await bot.receive(event({**JOINED, "user": BOT, "channel": CHANNEL}))
    assert bot.welcome.invitations == [(CHANNEL, "")]


async def test_the_same_invitation_again_is_one(bot: Bot) -> None:
    body = event({**JOINED, "user": BOT, "channel": CHANNEL, "inviter": BEN})
    await bot.receive(body)
    await bot.receive(body, retry=1)
    assert bot.welcome.invitations == [(CHANNEL, BEN)]


async def test_others_who_join_are_none_of_our_business(bot: Bot) -> None:
    await bot.receive(event({**JOINED, "user": ANNA, "channel": CHANNEL, "inviter": BEN}))
    assert (bot.welcome.invitations, list(bot.inbox.notes)) == ([], [])


async def test_enable_is_said_to_everybody_there_once(bot: Bot) -> None:
    for _ in range(2):
        await bot.receive(click(CHANNEL_ENABLE, CHANNEL, user=BEN))
    assert bot.openings.enabled == [(CHANNEL, BEN)] * 2
    assert bot.notifier.told == [NoticeView(f"{BEN} enabled {CHANNEL}.")]
    ((origin, _),) = bot.notifier.said
    assert origin.user == BEN


async def test_others_than_admins_hear_privately_that_they_cannot(bot: Bot) -> None:
    await bot.receive(click(CHANNEL_ENABLE, CHANNEL, user=ANNA))
    assert (bot.openings.enabled, bot.notifier.told) == ([], [])
    ((origin, view),) = bot.notifier.said
    assert origin.user == ANNA
    assert isinstance(view, NoticeView)
    assert "Only admins of this workspace and the owners of this channel's budget" in view.text


@pytest.mark.parametrize("channel", [None, CHANNEL])
async def test_enable_works_from_the_home_tab_too(bot: Bot, channel: str | None) -> None:
    await bot.receive(click(CHANNEL_ENABLE, OUTSIDE, user=BEN, channel=channel))
    assert bot.openings.enabled == [(OUTSIDE, BEN)]

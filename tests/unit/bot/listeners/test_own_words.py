"""What I store about you: for whoever clicks, guests and outsiders too, and about nobody else."""

import pytest

from bot.messages.action_ids import OWN_WORDS, OWN_WORDS_DOWNLOAD, OWN_WORDS_ERASE
from bot.messages.notice_views import NoticeView
from tests.fakes.blockkit import check_view
from tests.fakes.bot_services import ANNA, BEN, DM, TEAM, Bot, click, event

PEOPLE = [{}, {"is_restricted": True}, {"is_restricted": True, "is_ultra_restricted": True}, {"team_id": "T2"}]


@pytest.mark.parametrize("facts", PEOPLE)
async def test_everybody_has_a_list_a_copy_and_an_end_of_their_own_words(bot: Bot, facts: dict[str, object]) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = {"user": {"id": ANNA, "team_id": TEAM, **facts}}
    for action_id in (OWN_WORDS, OWN_WORDS_DOWNLOAD, OWN_WORDS_ERASE):
        await bot.receive(click(action_id, BEN, channel=None))
    (opened,) = bot.slack.called("views.open")
    assert check_view(opened["view"]) == []
    assert bot.own_words.asked == [("stored", ANNA), ("download", ANNA), ("erase", ANNA)]
    assert bot.notifier.views == [NoticeView("Erased.")]


async def test_whoever_may_not_ask_still_finds_their_words_in_the_home(bot: Bot) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = {"user": {"id": ANNA, "team_id": TEAM, "is_restricted": True}}
    await bot.receive(event({"type": "app_home_opened", "user": ANNA, "channel": DM, "tab": "home"}))
    (published,) = bot.slack.called("views.publish")
    assert check_view(published["view"]) == []
    shown = str(published["view"])
    assert ("Guests can only ask" in shown, OWN_WORDS in shown, "This month" in shown) == (True, True, False)


@pytest.mark.parametrize("flag", ["deleted", "is_bot"])
async def test_nobody_has_none(bot: Bot, flag: str) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = {"user": {"id": ANNA, "team_id": TEAM, flag: True}}
    await bot.receive(click(OWN_WORDS_ERASE, channel=None))
    assert bot.own_words.asked == []

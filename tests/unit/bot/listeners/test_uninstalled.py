"""The app taken out: forgotten before Slack hears that we know, so that a failure is sent again."""

from typing import Any

import pytest

from tests.fakes.bot_services import BROKEN, TEAM, Bot, FakeSlack, event


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Bot:
    slack = FakeSlack()
    slack.install(monkeypatch)
    return Bot(slack=slack)


UNINSTALLED = {"type": "app_uninstalled"}
REVOKED = {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": ["UBOT"]}}


@pytest.mark.parametrize("inner", [UNINSTALLED, REVOKED])
async def test_its_workspace_is_forgotten_and_its_runs_end(bot: Bot, inner: dict[str, Any]) -> None:
    response = await bot.receive(event(inner))
    assert (response.status, bot.uninstalls.left, bot.uninstalls.ended) == (200, [("", TEAM, False)], 1)


async def test_an_organisation_is_forgotten_as_a_whole(bot: Bot) -> None:
    where = {"enterprise_id": "E1", "team_id": TEAM, "user_id": "UBOT", "is_bot": True, "is_enterprise_install": True}
    await bot.receive({**event(UNINSTALLED), "authorizations": [where]})
    assert bot.uninstalls.left == [("E1", TEAM, True)]


async def test_tokens_of_people_are_not_ours(bot: Bot) -> None:
    await bot.receive(event({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}}))
    assert bot.uninstalls.left == []


async def test_what_could_not_be_forgotten_is_not_acknowledged(bot: Bot) -> None:
    bot.uninstalls.error = BROKEN
    response = await bot.receive(event(UNINSTALLED))
    assert (response.status, bot.uninstalls.ended) == (500, 0)

"""The install flow where it cannot go on: a page that says what to do, and nothing of our insides."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncBoltRequest
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions
from slack_sdk.oauth.installation_store import Installation as SlackInstallation

from bot.settings import read_settings
from bot.slack.oauth import InstallFlow, install_flow
from patterns.core.errors import StorageError, UserError
from storage.installations import Installation
from tests.support.ledgers import START_US, FakeClock


class KeptRequest:
    """Installs and states in memory; `error` is raised instead."""

    def __init__(self) -> None:
        self.saved: list[Installation] = []
        self.error: StorageError | None = None

    async def save(self, made: Installation) -> None:
        self.saved.append(made)

    async def issue(self) -> str:
        if self.error is not None:
            raise self.error
        return "state-1"


@pytest.fixture
def kept() -> KeptRequest:
    return KeptRequest()


@pytest.fixture
def flow(kept: KeptRequest) -> InstallFlow:
    settings = read_settings({"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s"})
    return install_flow(settings, kept, kept, FakeClock())  # type: ignore[arg-type]


def allowed(**changes: Any) -> SlackInstallation:
    plain = {"team_id": "T1", "team_name": "Acme", "enterprise_id": "E1", "enterprise_name": "Org", "user_id": "U1"}
    return SlackInstallation(
        **{**plain, "bot_token": "xoxb-1", "bot_id": "B1", "bot_user_id": "UBOT", "bot_scopes": "commands", **changes}
    )


async def test_the_link_leads_to_slack_with_a_state_and_our_scopes(flow: InstallFlow) -> None:
    answer = await flow.handle_installation(AsyncBoltRequest(body="", headers={}))
    (place,) = answer.headers["location"]
    assert answer.status == 302
    assert place.startswith("https://slack.com/oauth/v2/authorize?state=state-1&client_id=1.2&scope=app_mentions:read,")


async def test_a_failing_database_is_a_page_without_our_insides(flow: InstallFlow, kept: KeptRequest) -> None:
    kept.error = StorageError("There is no database at /srv/secret/agents.db.")
    answer = await flow.handle_installation(AsyncBoltRequest(body="", headers={}))
    assert (answer.status, "Wait a minute" in answer.body, "/srv" in answer.body) == (503, True, False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, ("T1", "Acme")), ({"is_enterprise_install": True, "team_id": None}, ("E1", "Org"))],
)
async def test_what_slack_hands_over_is_kept(
    flow: InstallFlow, kept: KeptRequest, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    await flow.settings.installation_store.async_save(allowed(**changes))
    (made,) = kept.saved
    assert (made.id, made.name) == expected
    assert (made.installer, made.scopes, made.token, made.installed_us) == ("U1", "commands", "xoxb-1", START_US)


async def test_an_install_without_a_token_is_refused(flow: InstallFlow, kept: KeptRequest) -> None:
    with pytest.raises(UserError, match="no bot token"):
        await flow.settings.installation_store.async_save(allowed(bot_token=None))
    assert kept.saved == []


async def test_pages_are_ours_and_nothing_in_them_is_markup_of_others(flow: InstallFlow) -> None:
    options = flow.settings.callback_options
    assert isinstance(options, AsyncCallbackOptions)
    answer = await flow.handle_callback(AsyncBoltRequest(body="", query="error=%3Cscript%3E", headers={}))
    assert (answer.status, "<script>" in answer.body, "Install again" in answer.body) == (200, False, True)

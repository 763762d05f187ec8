"""Every call leaves with the token of the workspace that was named, and a dead token is told of once."""

from collections.abc import AsyncIterator

import pytest
import structlog

from bot.messages.views import SlackMessage
from bot.settings import read_settings
from bot.slack.errors import SlackError
from bot.slack.token_rotation import TokenRotation
from bot.slack.workspaces import InstalledTokens, OneToken, Slack, slack_client, slack_session
from patterns.core.errors import StorageError
from storage.installations import Installation
from tests.fakes.memory import MemoryOutbox
from tests.fakes.slack_installs import Beside
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import TEAM
from tests.support.ledgers import FakeClock

C = "C0PLATFORM"


class Kept:
    """Installs in memory, as far as tokens need them."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.error: StorageError | None = None

    async def find(self, workspace: str, *, organisation: str = "") -> Installation | None:  # noqa: ARG002 - none here
        if self.error is not None:
            raise self.error
        token = self.tokens.get(workspace)
        return Installation("", workspace, "", "B1", "U1", "", "U2", 1, token=token) if token else None

    async def remove_refused(self, workspace: str, token: str, _code: str) -> bool:
        return self.tokens.get(workspace) == token and bool(self.tokens.pop(workspace))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.workspace.tokens = {"xoxb-one"}
        yield server


@pytest.fixture
def other(server: SlackServer) -> Beside:
    beside = server.beside("T0OTHER", name="Other")
    beside.workspace.tokens = {"xoxb-two"}
    return beside


@pytest.fixture
async def slack(server: SlackServer, kept: Kept) -> AsyncIterator[Slack]:
    kept.tokens = {TEAM: "xoxb-one", "T0OTHER": "xoxb-two"}
    async with slack_session() as session:
        client, clock = slack_client(session, server.url), FakeClock()
        tokens = InstalledTokens(kept, TokenRotation(kept, client, read_settings({}), clock))  # type: ignore[arg-type]
        yield Slack(client, MemoryOutbox(), clock, tokens)


async def test_each_workspace_hears_what_was_said_to_it(server: SlackServer, other: Beside, slack: Slack) -> None:
    await slack.of(TEAM).post(channel=C, message=SlackMessage("here"))
    await slack.of("T0OTHER").post(channel=C, message=SlackMessage("there"))
    assert [[m["text"] for m in one.messages()] for one in (server, other)] == [["here"], ["there"]]
    assert [await slack.of(one).token() for one in (TEAM, "T0OTHER")] == ["xoxb-one", "xoxb-two"]


async def test_where_it_is_not_installed_nothing_is_asked_of_slack(server: SlackServer, slack: Slack) -> None:
    with pytest.raises(SlackError) as refused:
        await slack.of("T0NOBODY").post(channel=C, message=SlackMessage("hello"))
    assert (refused.value.kind, server.calls("chat.postMessage")) == ("uninstalled", [])


async def test_a_revoked_token_is_forgotten_by_the_first_call(server: SlackServer, kept: Kept, slack: Slack) -> None:
    server.tokens.revoke((server.workspace,))
    kinds = []
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(SlackError) as refused:
                await slack.of(TEAM).post(channel=C, message=SlackMessage("hello"))
            kinds.append(refused.value.kind)
    assert (kinds, kept.tokens) == (["revoked", "uninstalled", "uninstalled"], {"T0OTHER": "xoxb-two"})
    assert len([line for line in logs if line["log_level"] == "error"]) == 1
    assert "xoxb" not in str(logs)


async def test_a_token_that_was_replaced_meanwhile_is_worth_another_try(kept: Kept, slack: Slack) -> None:
    assert await slack._tokens.refused(TEAM, "xoxb-older", "token_revoked") is True
    assert kept.tokens[TEAM] == "xoxb-one"


async def test_a_word_that_is_not_final_forgets_nothing(server: SlackServer, kept: Kept, slack: Slack) -> None:
    server.fail("chat.postMessage", error="invalid_auth")
    with pytest.raises(SlackError):
        await slack.of(TEAM).post(channel=C, message=SlackMessage("hello"))
    assert kept.tokens[TEAM] == "xoxb-one"


async def test_a_token_that_cannot_be_read_is_tried_again_later(kept: Kept, slack: Slack) -> None:
    kept.error = StorageError("The database is locked.")
    with pytest.raises(SlackError) as refused:
        await slack.of(TEAM).post(channel=C, message=SlackMessage("hello"))
    assert refused.value.kind == "unreachable"


async def test_the_only_token_is_told_of_once() -> None:
    tokens = OneToken("xoxb-one")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await tokens.refused(TEAM, "xoxb-one", "token_revoked")
    assert (len(logs), await tokens.token(TEAM)) == (1, "xoxb-one")

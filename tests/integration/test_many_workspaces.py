"""One deployment, many workspaces: installed in a browser, answered each with its own token, gone when uninstalled.

The second workspace has the very same channel and user ids as the first, so that whatever crosses shows.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.app import open_bot
from bot.demo.process import free_port
from bot.manifest import EVENTS_PATH, INSTALL_PATH
from bot.messages.action_ids import RUN_CONFIRM, RUN_DETAILS
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.serve import listen
from bot.settings import Settings, read_settings
from bot.slack.token_rotation import TokenRotation
from bot.slack.workspaces import InstalledTokens
from storage.database.statements import Query
from storage.installations import Installations
from tests.fakes.browser import Browser
from tests.fakes.provider import Provider
from tests.fakes.slack_installs import CLIENT_ID, CLIENT_SECRET, Beside
from tests.fakes.slack_people import People
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import TEAM
from tests.fakes.team import Team
from tests.support.running_bot import House, bot_environment

KEY = Fernet.generate_key().decode()
OTHER = "T0OTHER"
LONG_S = 30
OPEN = (
    "SELECT (SELECT COUNT(*) FROM run WHERE status <> 'done')"
    " + (SELECT COUNT(*) FROM slack_out WHERE state = 'intended')"
)
ASK, ANSWER = "use answer: SQLite or PostgreSQL?", "Until then SQLite is one file"


@dataclass(frozen=True)
class Deployment(House):
    """A bot in HTTP mode, as Slack and a browser see it."""

    slack: SlackServer
    url: str

    @property
    def browser(self) -> Browser:
        return Browser(self.url, self.slack.tokens)

    async def until_runs_ended(self) -> None:
        """Wait for runs, and what is owed of them, of which nobody in Slack is told."""
        async with asyncio.timeout(LONG_S):
            while self.ledger(OPEN):  # noqa: ASYNC110 - nobody is told, so nothing wakes us
                await asyncio.sleep(0.02)

    @property
    def installations(self) -> Installations:
        return Installations(self.bot.engine.db, self.bot.engine.clock, self.settings.fernet_keys)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as slack:
        slack.workspace.tokens.clear()
        yield slack


@pytest.fixture
def settings(slack: SlackServer, provider: Provider, tmp_path: Path) -> Settings:
    env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
    many = {"SLACK_CLIENT_ID": CLIENT_ID, "SLACK_CLIENT_SECRET": CLIENT_SECRET, "AGENTS_TOKEN_KEYS": KEY}
    return read_settings({**env, **many, "SLACK_BOT_TOKEN": "", "SLACK_APP_TOKEN": "", "AGENTS_ADMINS": ""})


@asynccontextmanager
async def opened(settings: Settings, slack: SlackServer) -> AsyncIterator[Deployment]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    slack.request_url = url + EVENTS_PATH
    async with (
        open_engine(settings, await choose_models(settings)) as engine,
        open_bot(engine) as bot,
        listen(bot, settings, port=port),
    ):
        yield Deployment(bot, settings, slack, url)


@pytest.fixture
async def deployed(settings: Settings, slack: SlackServer) -> AsyncIterator[Deployment]:
    async with opened(settings, slack) as deployment:
        yield deployment


@pytest.fixture
def other(slack: SlackServer) -> Beside:
    return slack.beside(OTHER, name="Other")


async def answered(people: People) -> str:
    """The thread's root once its answer stands."""
    found = await people.wait_for(lambda: [m for m in people.messages() if ANSWER in json.dumps(m)])
    return str(found[0]["thread_ts"])


def everything(people: People) -> str:
    return json.dumps([people.messages(), people.workspace.ephemerals, people.workspace.homes])


# ---------------------------------------------------------------- installing


async def test_an_installed_workspace_is_answered_with_its_token(deployed: Deployment, slack: SlackServer) -> None:
    page = await deployed.browser.install(slack.workspace)
    assert "Agents is installed in Agents" in page
    assert "/invite @agents" in page
    (token,) = slack.workspace.tokens
    await slack.command(ASK)
    await answered(slack)
    assert await deployed.installations.installer(TEAM) == "U0DANA"
    assert token not in (deployed.settings.data_dir / "agents.db").read_bytes().decode("latin-1")


async def test_a_state_is_good_for_one_browser_and_one_use(deployed: Deployment, slack: SlackServer) -> None:
    address, cookie = await deployed.browser.begin()
    query = slack.tokens.allow(address, slack.workspace, user="U0DANA", is_org_wide=False)
    _address, strange = await deployed.browser.begin()
    forged = {**query, "state": "forged"}
    name = cookie.partition("=")[0]
    for bad, sent in ((query, strange), (forged, cookie), (forged, f"{name}=forged")):
        status, page = await deployed.browser.come_back(bad, sent)
        assert (status >= 400, "was not installed" in page) == (True, True)
    assert await deployed.installations.list_all() == []
    assert (await deployed.browser.come_back(query, cookie))[0] == 200
    status, page = await deployed.browser.come_back(query, cookie)
    assert (status, "used before" in page) == (401, True)


async def test_an_old_state_is_refused(
    deployed: Deployment, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, cookie = await deployed.browser.begin()
    monkeypatch.setattr("storage.oauth_states.STATE_TTL_S", -1)
    query = slack.tokens.allow(address, slack.workspace, user="U0DANA", is_org_wide=False)
    status, page = await deployed.browser.come_back(query, cookie)
    assert (status, "older than ten minutes" in page) == (401, True)


async def test_saying_no_or_a_slack_that_is_away_is_a_page_with_a_way_on(
    deployed: Deployment, slack: SlackServer
) -> None:
    status, page = await deployed.browser.come_back({"error": "access_denied"}, "")
    assert (status, "You did not allow it" in page, INSTALL_PATH in page) == (200, True, True)
    slack.fail("oauth.v2.access", lose="before")
    slack.fail("oauth.v2.access", lose="before")
    address, cookie = await deployed.browser.begin()
    query = slack.tokens.allow(address, slack.workspace, user="U0DANA", is_org_wide=False)
    status, page = await deployed.browser.come_back(query, cookie)
    assert (status, "could not be asked" in page) == (502, True)


# ---------------------------------------------------------------- side by side


async def test_nothing_crosses_from_one_workspace_to_the_other(
    deployed: Deployment, slack: SlackServer, other: Beside
) -> None:
    await deployed.browser.install(slack.workspace)
    await deployed.browser.install(other.workspace, user="U0LEE")
    await slack.command(ASK)
    await answered(slack)
    assert other.messages() == []
    await other.command(f"{ASK} Secretly.")
    await answered(other)
    assert "Secretly" not in everything(slack)
    # Who installed it administers there, and only there.
    for people, installer, member in ((slack, "U0DANA", "U0LEE"), (other, "U0LEE", "U0DANA")):
        await people.command("budget set 7", user=member)
        await people.wait_for(
            lambda people=people, member=member: "Only admins" in json.dumps(people.ephemerals(member))
        )
        await people.command("budget set 7", user=installer)
        await people.wait_for(lambda people=people: _said(people, "changed the monthly limit"))
    # Each home shows its own runs, each report links into its own workspace.
    for people in (slack, other):
        await people.open_home()
        await people.wait_for(lambda people=people: people.workspace.homes)
    assert "Secretly" not in json.dumps(slack.workspace.homes)
    for people, host, strange in ((slack, "agents", "other"), (other, "other", "agents")):
        await people.command("budget report")
        await people.wait_for(lambda people=people, host=host: _said(people, f"{host}.slack.example"))
        assert f"{strange}.slack.example" not in everything(people)
    spent = "SELECT COUNT(*) FROM account WHERE kind = 'channel' AND key = 'C0PLATFORM' AND settled_nusd > 0"
    assert deployed.ledger(spent) == 2


async def test_a_button_of_the_other_workspace_opens_nothing(
    deployed: Deployment, slack: SlackServer, other: Beside
) -> None:
    await deployed.browser.install(slack.workspace)
    await deployed.browser.install(other.workspace)
    await slack.command("use draft: announce the outage")
    await slack.wait_for(lambda: _button(slack, RUN_CONFIRM))
    run_id = _button(slack, RUN_CONFIRM)["value"]
    for action_id, refusal in ((RUN_CONFIRM, "no longer have that question"), (RUN_DETAILS, "not known here")):
        await _press(other, action_id, run_id)
        await other.wait_for(lambda refusal=refusal: _said(other, refusal))
    await other.command(f"stop {run_id}")
    await other.wait_for(lambda: _said(other, "Nothing of yours"))
    assert "outage" not in everything(other)
    assert deployed.ledger("SELECT COUNT(*) FROM run WHERE status = 'parked'") == 1
    await slack.click(RUN_CONFIRM)
    await slack.wait_for(lambda: _said(slack, "accepted the price"))


# ---------------------------------------------------------------- an organisation


async def test_an_org_wide_install_serves_its_workspaces(deployed: Deployment, slack: SlackServer) -> None:
    one, two = (slack.beside(team, name=team, enterprise="E0ORG") for team in ("T0ONE", "T0TWO"))
    member = {"enterprise_user": {"enterprise_id": "E0ORG", "teams": ["T0ONE", "T0TWO"]}}
    for people in (one, two):
        people.workspace.add_user("U0DANA", "Dana", **member)
    two.workspace.channels["C0TWO"] = replace(two.workspace.channels.pop("C0PLATFORM"), id="C0TWO")
    page = await deployed.browser.install(one.workspace, two.workspace, is_org_wide=True)
    assert "installed in Org" in page
    await one.command(ASK)
    await two.command(ASK, channel="C0TWO")
    await answered(one)
    await two.wait_for(lambda: ANSWER in json.dumps(two.messages("C0TWO")))
    assert [one.id for one in await deployed.installations.list_all()] == ["E0ORG"]
    assert deployed.ledger("SELECT COUNT(DISTINCT workspace) FROM run WHERE status = 'done'") == 2


# ---------------------------------------------------------------- tokens that expire


@pytest.fixture
def hours(slack: SlackServer) -> float:
    """The app has token rotation; Slack's tokens live so many hours."""
    slack.tokens.expires_in_s = 12 * 3600
    return 12


@pytest.mark.usefixtures("hours")
async def test_a_token_is_renewed_before_it_expires_and_once(deployed: Deployment, slack: SlackServer) -> None:
    await deployed.browser.install(slack.workspace)
    await _age(deployed, hours=9)
    await slack.command(ASK)
    await answered(slack)
    assert _renewals(slack) == 0
    await _age(deployed, hours=2)
    first = await deployed.installations.find(TEAM)
    await asyncio.gather(*(slack.command(ASK) for _ in range(4)))
    await slack.wait_for(lambda: everything(slack).count(ANSWER) >= 5)
    second = await deployed.installations.find(TEAM)
    assert first is not None
    assert second is not None
    assert (_renewals(slack), second.token == first.token) == (1, False)


@pytest.mark.usefixtures("hours")
@pytest.mark.parametrize("known", [True, False])
async def test_an_expired_token_is_renewed_by_whoever_needs_it(
    deployed: Deployment, slack: SlackServer, *, known: bool
) -> None:
    """Known: by our own clock, after a long pause. Or Slack says so while we think it good."""
    await deployed.browser.install(slack.workspace)
    if known:
        await _age(deployed, hours=13)
    slack.tokens.expired |= slack.workspace.tokens
    await slack.command(ASK)
    await answered(slack)
    assert _renewals(slack) == 1


@pytest.mark.usefixtures("hours")
async def test_what_cannot_be_renewed_for_good_has_to_be_installed_again(
    deployed: Deployment, slack: SlackServer
) -> None:
    await deployed.browser.install(slack.workspace)
    await _age(deployed, hours=13)
    slack.tokens.expired |= slack.workspace.tokens
    slack.fail("oauth.v2.access", error="invalid_refresh_token")
    await slack.command(ASK)
    await slack.wait_for(lambda: _said(slack, "not installed in this workspace"))
    assert await deployed.installations.list_all() == []


@pytest.mark.usefixtures("hours")
async def test_who_gives_up_waiting_for_a_renewal_does_not_lose_it(deployed: Deployment, slack: SlackServer) -> None:
    await deployed.browser.install(slack.workspace)
    await _age(deployed, hours=13)
    slack.tokens.expired |= slack.workspace.tokens
    tokens, asked = _tokens(deployed), asyncio.Event()
    exchange = slack.tokens.exchange

    def asked_for(args: Any, authorization: str) -> dict[str, Any]:
        asked.set()
        return exchange(args, authorization)

    slack.tokens.exchange = asked_for  # type: ignore[method-assign]
    impatient = asyncio.create_task(tokens.token(TEAM))
    await asked.wait()
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    assert await tokens.token(TEAM) in slack.workspace.tokens
    assert _renewals(slack) == 1


@pytest.mark.usefixtures("hours")
async def test_who_needs_a_token_while_another_renews_it_waits_for_it(deployed: Deployment, slack: SlackServer) -> None:
    await deployed.browser.install(slack.workspace)
    await _age(deployed, hours=13)
    got = await asyncio.gather(*(_tokens(deployed).token(TEAM) for _ in range(3)))
    assert (len(set(got)), _renewals(slack)) == (1, 1)


@pytest.mark.usefixtures("hours")
async def test_while_slack_cannot_renew_the_old_token_goes_on(deployed: Deployment, slack: SlackServer) -> None:
    await deployed.browser.install(slack.workspace)
    await _age(deployed, hours=11)
    slack.fail("oauth.v2.access", error="internal_error")
    await slack.command(ASK)
    await answered(slack)


# ---------------------------------------------------------------- who may install


async def test_a_workspace_that_the_operator_has_not_named_gets_a_page_and_no_token(
    settings: Settings, slack: SlackServer, other: Beside
) -> None:
    async with opened(settings.model_copy(update={"workspaces": frozenset({TEAM})}), slack) as deployment:
        assert "is installed in" in await deployment.browser.install(slack.workspace)
        address, cookie = await deployment.browser.begin()
        query = slack.tokens.allow(address, other.workspace, user="U0LEE", is_org_wide=False)
        status, page = await deployment.browser.come_back(query, cookie)
        assert (status, "serves only workspaces that its operator has named" in page) == (400, True)
        assert [one.id for one in await deployment.installations.list_all()] == [TEAM]
        assert other.workspace.tokens == set()


async def test_an_organisation_that_is_named_brings_its_workspaces(settings: Settings, slack: SlackServer) -> None:
    one = slack.beside("T0ONE", name="One", enterprise="E0ORG")
    async with opened(settings.model_copy(update={"workspaces": frozenset({"E0ORG"})}), slack) as deployment:
        assert "is installed in One" in await deployment.browser.install(one.workspace)


# ---------------------------------------------------------------- leaving


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"]}}]
)
async def test_an_uninstalled_workspace_ends_in_peace_and_may_come_back(
    deployed: Deployment, slack: SlackServer, other: Beside, event: dict[str, Any]
) -> None:
    await deployed.browser.install(slack.workspace)
    await deployed.browser.install(other.workspace)
    await slack.command(ASK)
    await answered(slack)
    paid_nusd = deployed.spent_nusd()
    await slack.command("use draft: announce the outage")
    await slack.wait_for(lambda: _button(slack, RUN_CONFIRM))
    slack.tokens.revoke((slack.workspace,))
    await slack.event(event)
    assert await deployed.installations.find(TEAM) is None
    await deployed.until_runs_ended()
    assert deployed.spent_nusd() == paid_nusd > 0
    posts, told = _chat(slack), everything(slack).count(ANSWER)
    await deployed.bot.executor.resume_orphans()
    assert _chat(slack) == posts
    await other.command(ASK)
    await answered(other)
    await deployed.browser.install(slack.workspace)
    await slack.command(ASK)
    await slack.wait_for(lambda: everything(slack).count(ANSWER) > told)


async def test_a_token_that_slack_refuses_is_forgotten_at_the_first_post(
    deployed: Deployment, slack: SlackServer, team: Team
) -> None:
    team.delay_s = 1.0
    await deployed.browser.install(slack.workspace)
    await slack.command(ASK)
    await slack.wait_for(lambda: len(slack.messages()) == 2)
    slack.tokens.revoke((slack.workspace,))
    before = len(_chat(slack))
    await deployed.until_runs_ended()
    assert await deployed.installations.list_all() == []
    assert deployed.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'") == 1
    assert deployed.ledger("SELECT COUNT(*) FROM audit WHERE reason LIKE '%token_revoked'") == 1
    posts = _chat(slack)
    assert len(posts) - before <= 2, posts
    await deployed.bot.executor.resume_orphans()
    assert _chat(slack) == posts


async def test_a_token_that_slack_refuses_is_forgotten_at_the_first_look(
    deployed: Deployment, slack: SlackServer
) -> None:
    await deployed.browser.install(slack.workspace)
    slack.tokens.revoke((slack.workspace,))
    await slack.command(ASK)
    await slack.wait_for(lambda: _said(slack, "could not check with Slack"))
    assert await deployed.installations.list_all() == []
    await slack.command(ASK)
    await slack.wait_for(lambda: _said(slack, "not installed in this workspace"))


async def test_where_it_is_not_installed_people_are_told(deployed: Deployment, slack: SlackServer) -> None:
    await slack.command(ASK)
    await slack.wait_for(lambda: "not installed in this workspace" in json.dumps(slack.workspace.ephemerals))
    assert deployed.ledger("SELECT COUNT(*) FROM run") == 0


async def test_after_a_rotation_the_new_key_is_enough(
    deployed: Deployment, settings: Settings, slack: SlackServer
) -> None:
    await deployed.browser.install(slack.workspace)
    new = Fernet.generate_key().decode()
    db, clock = deployed.bot.engine.db, deployed.bot.engine.clock
    assert await Installations(db, clock, (new, KEY)).reencrypt_tokens() == 1
    async with opened(settings.model_copy(update={"token_keys": (SecretStr(new),)}), slack):
        await slack.command(ASK)
        await answered(slack)


async def _age(deployment: Deployment, *, hours: int) -> None:
    """So much of the token's life passes."""
    age = Query("age", "UPDATE installation SET expires_us = expires_us - :us")

    def work() -> Any:
        yield age(us=hours * 3_600_000_000)

    await deployment.bot.engine.db.write(work)


def _tokens(deployment: Deployment) -> InstalledTokens:
    """Those of another process."""
    engine, client = deployment.bot.engine, deployment.bot.slack_app.client
    return InstalledTokens(
        deployment.installations, TokenRotation(deployment.installations, client, deployment.settings, engine.clock)
    )


def _renewals(people: People) -> int:
    asked = [args for method, args in people.workspace.calls if method == "oauth.v2.access"]
    return sum(args.get("grant_type") == "refresh_token" for args in asked)


def _chat(people: People) -> list[str]:
    """What was tried to be posted, edited or deleted."""
    return [method for method, _ in people.workspace.calls if method.startswith("chat.")]


def _said(people: People, words: str) -> bool:
    return words in everything(people)


def _button(people: People, action_id: str) -> dict[str, Any]:
    found = [
        element
        for message in people.messages()
        for block in message.get("blocks", ())
        for element in block.get("elements", ())
        if element.get("action_id") == action_id
    ]
    return found[-1] if found else {}


async def _press(people: People, action_id: str, value: str) -> None:
    """Press a button that this workspace was never shown."""
    message = {"ts": "1.1", "blocks": [], "type": "message"}
    element = {"type": "button", "action_id": action_id, "value": value}
    await people._press(message, {"block_id": "b"}, element, user="U0DANA", channel="C0PLATFORM")

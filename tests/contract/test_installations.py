"""Installs: each workspace has its own token, encrypted, and nothing finds that of another one."""

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from patterns.core.errors import StorageError
from storage import oauth_states
from storage.database.database import Database
from storage.inbox import Inbox
from storage.installations import Installation, Installations
from storage.oauth_states import STATE_TTL_S, OAuthStates
from tests.support.ledgers import Asking, FakeClock, execute, open_run, rows

OLD_KEY, NEW_KEY = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ONE = Installation("", "T1", "One", "B1", "UBOT1", "chat:write,commands", "U1", 1, token="xoxb-one")
TWO = replace(ONE, team_id="T2", name="Two", bot_user_id="UBOT2", token="xoxb-two")
EXPIRING = replace(ONE, token="xoxe.one", refresh_token="xoxe-1", expires_us=5_000)
ORG = replace(ONE, team_id="", enterprise_id="E1", name="Org", token="xoxb-org")


@pytest.fixture
def installed(database: Database, clock: FakeClock) -> Installations:
    return Installations(database, clock, [OLD_KEY])


@pytest.fixture
def states(database: Database, clock: FakeClock) -> OAuthStates:
    return OAuthStates(database, clock, [OLD_KEY])


async def audited(database: Database) -> list[tuple[str, str, str, str]]:
    found = await rows(database, "SELECT workspace, actor, action, reason FROM audit ORDER BY workspace, action")
    return [(row["workspace"], row["actor"], row["action"], row["reason"]) for row in found]


async def test_each_workspace_speaks_with_its_own_token(installed: Installations) -> None:
    await installed.save(ONE)
    await installed.save(TWO)
    assert [await installed.find(workspace) for workspace in ("T1", "T2", "T3", "")] == [ONE, TWO, None, None]
    assert [await installed.installer(workspace) for workspace in ("T1", "T3")] == ["U1", ""]


async def test_tokens_are_neither_readable_at_rest_nor_shown(database: Database, installed: Installations) -> None:
    await installed.save(ONE)
    (row,) = await rows(database, "SELECT * FROM installation")
    assert "xoxb" not in str(dict(row))
    assert "xoxb" not in repr(await installed.find("T1"))
    assert await installed.list_all() == [replace(ONE, token="")]


async def test_a_token_copied_into_another_workspace_is_refused(database: Database, installed: Installations) -> None:
    await installed.save(ONE)
    await installed.save(TWO)
    await execute(
        database, "UPDATE installation SET token = (SELECT token FROM installation WHERE id = 'T1') WHERE id = 'T2'"
    )
    with pytest.raises(StorageError, match="T2 cannot be decrypted"):
        await installed.find("T2")


async def test_installing_again_replaces_the_token(installed: Installations) -> None:
    await installed.save(ONE)
    again = replace(ONE, token="xoxb-again", installer="U2", installed_us=2)
    await installed.save(again)
    assert await installed.list_all() == [replace(again, token="")]
    assert await installed.find("T1") == again


class TestExpiringTokens:
    async def test_one_process_renews_and_everybody_has_the_next_token(
        self, database: Database, clock: FakeClock, installed: Installations
    ) -> None:
        await installed.save(EXPIRING)
        other = Installations(database, clock, [OLD_KEY])
        assert [await one.claim_renewal(EXPIRING, for_us=40) for one in (installed, other)] == [True, False]
        await installed.store_renewal(EXPIRING, token="xoxe.next", refresh_token="xoxe-2", expires_us=9_000)
        assert await other.find("T1") == replace(EXPIRING, token="xoxe.next", refresh_token="xoxe-2", expires_us=9_000)
        assert await other.claim_renewal(EXPIRING, for_us=40) is False

    async def test_the_claim_of_a_dead_process_runs_out(self, clock: FakeClock, installed: Installations) -> None:
        await installed.save(EXPIRING)
        assert await installed.claim_renewal(EXPIRING, for_us=40) is True
        clock.us += 40
        assert await installed.claim_renewal(EXPIRING, for_us=40) is True

    async def test_a_late_answer_does_not_replace_a_new_install(self, installed: Installations) -> None:
        await installed.save(EXPIRING)
        again = replace(EXPIRING, token="xoxe.again", installed_us=2)
        await installed.save(again)
        await installed.store_renewal(EXPIRING, token="xoxe.late", refresh_token="xoxe-late", expires_us=9_000)
        assert await installed.find("T1") == again

    async def test_both_tokens_are_unreadable_at_rest_and_follow_the_keys(
        self, database: Database, clock: FakeClock, installed: Installations
    ) -> None:
        await installed.save(EXPIRING)
        (row,) = await rows(database, "SELECT * FROM installation")
        assert "xoxe" not in str(dict(row))
        assert "xoxe" not in repr(await installed.find("T1"))
        await Installations(database, clock, [NEW_KEY, OLD_KEY]).reencrypt_tokens()
        assert await Installations(database, clock, [NEW_KEY]).find("T1") == EXPIRING


class TestOrganisation:
    async def test_its_install_serves_its_workspaces_and_is_remembered(self, installed: Installations) -> None:
        await installed.save(ORG)
        assert await installed.find("T1") is None
        assert await installed.find("T1", organisation="E1") == ORG
        # What we say by ourselves names the workspace only.
        assert await installed.find("T1") == ORG
        assert await installed.find("E1", organisation="E1") == ORG
        assert await installed.find("T2", organisation="E2") is None

    async def test_a_workspace_s_own_install_comes_first(self, installed: Installations) -> None:
        await installed.save(ORG)
        await installed.save(replace(ONE, enterprise_id="E1"))
        found = await installed.find("T1", organisation="E1")
        assert found is not None
        assert found.token == "xoxb-one"

    async def test_one_workspace_is_taken_out_of_it(self, database: Database, installed: Installations) -> None:
        await installed.save(ORG)
        for workspace in ("T1", "T2"):
            await installed.find(workspace, organisation="E1")
        await installed.uninstall(enterprise_id="E1", team_id="T1", is_org_wide=False)
        assert [await installed.find(workspace) for workspace in ("T1", "T2")] == [None, ORG]
        assert ("T1", "slack", "uninstalled", "uninstalled in Slack") in await audited(database)

    async def test_all_of_it_goes(self, database: Database, installed: Installations) -> None:
        await installed.save(ORG)
        await installed.find("T1", organisation="E1")
        await installed.uninstall(enterprise_id="E1", team_id="T1", is_org_wide=True)
        assert (await installed.find("T1"), await installed.list_all()) == (None, [])
        assert await rows(database, "SELECT * FROM organisation_workspace") == []


class TestEnd:
    async def test_an_uninstall_takes_the_token_and_stands_in_the_log(
        self, database: Database, installed: Installations
    ) -> None:
        await installed.save(ONE)
        await installed.save(TWO)
        for _ in range(2):
            await installed.uninstall(enterprise_id="", team_id="T1", is_org_wide=False)
        assert await installed.list_all() == [replace(TWO, token="")]
        scopes = "with chat:write,commands"
        assert await audited(database) == [
            ("T1", "U1", "installed", scopes),
            ("T1", "slack", "uninstalled", "uninstalled in Slack"),
            ("T2", "U1", "installed", scopes),
        ]

    async def test_a_refused_token_is_forgotten_once(self, database: Database, installed: Installations) -> None:
        await installed.save(ONE)
        told = [await installed.remove_refused("T1", "xoxb-one", "token_revoked") for _ in range(2)]
        assert (told, await installed.find("T1")) == ([True, False], None)
        assert ("T1", "slack", "uninstalled", "Slack refused its token: token_revoked") in await audited(database)

    async def test_a_newer_token_is_not_forgotten_for_an_older_one(self, installed: Installations) -> None:
        await installed.save(ONE)
        await installed.save(replace(ONE, token="xoxb-new"))
        assert await installed.remove_refused("T1", "xoxb-one", "token_revoked") is False
        assert await installed.find("T1") == replace(ONE, token="xoxb-new")

    async def test_what_waits_there_is_named_and_closed(
        self, database: Database, clock: FakeClock, installed: Installations
    ) -> None:
        inbox = Inbox(database, clock)
        await installed.save(ONE)
        await installed.save(ORG)
        await installed.find("T3", organisation="E1")
        for workspace in ("T1", "T2", "T3"):
            await open_run(database, Asking(run_id=f"R{workspace}", payer=replace(Asking().payer, workspace=workspace)))
            await inbox.store(f"k{workspace}", workspace, "command", {})
        await execute(database, "UPDATE run SET kind = 'slack'")
        assert await installed.stranded_runs() == ["RT2"]
        assert [delivery.key for delivery in await inbox.unprocessed()] == ["kT1", "kT3"]


class TestKeys:
    async def test_rotation_leaves_nothing_under_the_old_key(self, database: Database, clock: FakeClock) -> None:
        await Installations(database, clock, [OLD_KEY]).save(ONE)
        both = Installations(database, clock, [NEW_KEY, OLD_KEY])
        assert await both.find("T1") == ONE
        assert await both.reencrypt_tokens() == 1
        assert await Installations(database, clock, [NEW_KEY]).find("T1") == ONE
        with pytest.raises(StorageError, match="AGENTS_TOKEN_KEYS"):
            await Installations(database, clock, [OLD_KEY]).find("T1")

    async def test_a_rotation_that_cannot_read_one_changes_none(self, database: Database, clock: FakeClock) -> None:
        await Installations(database, clock, [OLD_KEY]).save(ONE)
        await Installations(database, clock, [NEW_KEY]).save(TWO)
        with pytest.raises(StorageError, match="T2 cannot be decrypted"):
            await Installations(database, clock, [Fernet.generate_key().decode(), OLD_KEY]).reencrypt_tokens()
        assert await Installations(database, clock, [OLD_KEY]).find("T1") == ONE


class TestState:
    async def test_is_good_once(self, states: OAuthStates) -> None:
        state = await states.issue()
        assert [await states.consume(state) for _ in range(2)] == [True, False]

    async def test_is_good_in_another_process(self, database: Database, clock: FakeClock, states: OAuthStates) -> None:
        assert await OAuthStates(database, clock, [NEW_KEY, OLD_KEY]).consume(await states.issue()) is True

    async def test_nobody_makes_one_up(self, states: OAuthStates) -> None:
        await states.issue()
        assert await states.consume("forged") is False

    async def test_ends_with_its_time(self, clock: FakeClock, states: OAuthStates) -> None:
        late = await states.issue()
        clock.us += (STATE_TTL_S + 1) * 1_000_000
        assert await states.consume(late) is False

    async def test_is_stored_only_when_it_comes_back_and_for_as_long_as_it_counts(
        self, database: Database, clock: FakeClock, states: OAuthStates
    ) -> None:
        for _ in range(100):
            await states.issue()
        assert await rows(database, "SELECT state FROM oauth_state") == []
        await states.consume(await states.issue())
        clock.us += (STATE_TTL_S + 1) * 1_000_000
        await states.consume(await states.issue())
        assert len(await rows(database, "SELECT state FROM oauth_state")) == 1

    async def test_of_many_only_the_newest_are_remembered(
        self, database: Database, clock: FakeClock, states: OAuthStates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(oauth_states, "USED_MAX", 3)
        for _ in range(5):
            clock.us += 1_000_000
            newest = await states.issue()
            assert await states.consume(newest) is True
        assert len(await rows(database, "SELECT state FROM oauth_state")) == 3
        assert await states.consume(newest) is False

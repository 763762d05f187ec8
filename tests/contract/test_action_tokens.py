"""The key for searches that comes with a message: apart from it, for its run alone, gone with it."""

from storage.action_tokens import ActionTokens
from storage.database.database import Database
from storage.execution.ownership import RunSessions
from storage.inbox import Inbox
from storage.runs import RunStore
from tests.contract.test_needs_code import REQUEST
from tests.contract.test_run_sessions import ended
from tests.support.ledgers import LEASE_S, FakeClock, rows

KEYS = "SELECT text FROM content WHERE kind = 'action_token'"
PAYLOAD = {"event": {"text": "when?"}}
KEY = "12.34.ab"


async def kept(database: Database) -> list[str]:
    return [row["text"] for row in await rows(database, KEYS)]


async def test_the_key_of_a_message_serves_its_run_until_that_ends(database: Database, sessions: RunSessions) -> None:
    inbox, tokens, store = Inbox(database, FakeClock()), ActionTokens(database), RunStore(database, FakeClock())
    assert await inbox.store(REQUEST.delivery_key, REQUEST.workspace, "event", PAYLOAD, action_token=KEY)
    assert not await inbox.store(REQUEST.delivery_key, REQUEST.workspace, "event", PAYLOAD, action_token="another")
    run_id, _ = await store.accept(REQUEST)
    await inbox.mark_processed(REQUEST.delivery_key)
    assert await tokens.of_run(run_id) == KEY
    session = await sessions.claim(run_id, owner="a", lease_s=LEASE_S)
    assert session is not None
    await ended(sessions, session)
    assert (await tokens.of_run(run_id), await kept(database)) == ("", [])


async def test_the_key_of_a_message_that_opens_no_run_goes_with_it(database: Database) -> None:
    inbox = Inbox(database, FakeClock())
    await inbox.store("message:1", "T1", "event", PAYLOAD, action_token=KEY)
    assert await kept(database) == [KEY]
    await inbox.mark_processed("message:1", "nothing to do")
    assert await kept(database) == []


async def test_a_key_serves_no_run_of_another_workspace(database: Database) -> None:
    inbox, store = Inbox(database, FakeClock()), RunStore(database, FakeClock())
    await inbox.store(REQUEST.delivery_key, "T0ELSEWHERE", "event", PAYLOAD, action_token=KEY)
    run_id, _ = await store.accept(REQUEST)
    assert await ActionTokens(database).of_run(run_id) == ""

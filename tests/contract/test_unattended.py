"""A request that nobody begins does not wait in silence."""

from dataclasses import dataclass, field, replace

from bot.commands.origin import Origin
from bot.messages.notice_views import NoticeView
from bot.messages.views import PrivateView
from bot.slack.errors import SlackError
from bot.threads.wait_notice import KEPT, WORKER_WAIT_S, NoWorkerNotice
from storage.chores import Chores
from storage.database.database import Database
from storage.runs import RunStore
from tests.contract.test_runs_store import REQUEST
from tests.support.ledgers import FakeClock


@dataclass
class Heard:
    """What people were told."""

    told: list[tuple[str, str | None, str]] = field(default_factory=list)
    refuses: bool = False

    async def private(self, to: Origin, view: PrivateView) -> None:
        if self.refuses:
            raise SlackError("person_gone", code="user_not_found", method="chat.postEphemeral")
        assert view == NoticeView(KEPT)
        self.told.append((to.channel, to.response_url, to.user))


def no_worker_notice(database: Database, clock: FakeClock, heard: Heard, owner: str = "A") -> NoWorkerNotice:
    return NoWorkerNotice(Chores(database, clock), heard, clock, owner)


async def test_who_waits_for_a_worker_is_told_once_by_whichever_process(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    heard = Heard()
    here, there = no_worker_notice(database, clock, heard), no_worker_notice(database, clock, heard, "B")
    await store.accept(replace(REQUEST, thread_ts="", delivery_key="waits", options={"response_url": "https://r"}))
    clock.us += int(WORKER_WAIT_S * 1e6) - 1
    await here.notify_waiting()
    assert heard.told == []
    clock.us += 1
    await here.notify_waiting()
    await there.notify_waiting()
    assert heard.told == [(REQUEST.channel, "https://r", REQUEST.user)]


async def test_a_request_that_somebody_began_or_that_waits_for_its_thread_is_not_unattended(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    begun, _ = await store.accept(replace(REQUEST, thread_ts="1.1", delivery_key="begun"))
    assert await store.claim(begun, owner="A", lease_s=30) is not None
    await store.accept(replace(REQUEST, thread_ts="1.1", delivery_key="in line"))
    clock.us += int(WORKER_WAIT_S * 1e6)
    heard = Heard()
    await no_worker_notice(database, clock, heard).notify_waiting()
    assert heard.told == []


async def test_a_person_who_cannot_be_told_keeps_nobody_else_from_it(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    heard = Heard(refuses=True)
    await store.accept(replace(REQUEST, thread_ts="", delivery_key="waits"))
    clock.us += int(WORKER_WAIT_S * 1e6)
    await no_worker_notice(database, clock, heard).notify_waiting()
    await no_worker_notice(database, clock, heard).notify_waiting()
    assert heard.told == []

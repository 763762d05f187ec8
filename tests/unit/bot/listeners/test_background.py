import asyncio

import pytest
from slack_bolt.async_app import AsyncBoltRequest

from bot.commands.origin import Origin
from bot.listeners import background, foreground
from bot.listeners.background import BackgroundTasks
from bot.listeners.foreground import Foreground
from bot.messages.notice_views import NoticeView
from bot.slack.errors import SlackError
from patterns.core.errors import UserError
from tests.fakes.bot_services import ANNA, BROKEN, CHANNEL, TEAM, Bot, FakeInbox, FakeNotifier, command

ORIGIN = Origin(delivery_key="key", workspace=TEAM, channel=CHANNEL, user=ANNA)


async def test_slack_is_acknowledged_while_the_work_goes_on(bot: Bot) -> None:
    bot.runs.gate = asyncio.Event()
    response = await bot.app.async_dispatch(AsyncBoltRequest(body=command("green tea?"), mode="socket_mode"))
    assert (response.status, bot.runs.opened, bot.inbox.notes) == (200, [], {})
    bot.runs.gate.set()
    await bot.settle()
    assert [run.text for run in bot.runs.opened] == ["green tea?"]


async def test_draining_lets_work_end_within_the_grace() -> None:
    inbox = FakeInbox()
    tasks = BackgroundTasks(inbox=inbox, notifier=FakeNotifier(), foreground=Foreground())
    gate = asyncio.Event()
    tasks.spawn(ORIGIN, _wait(gate))
    draining = asyncio.create_task(tasks.drain(5))
    gate.set()
    await draining
    assert inbox.notes == {"key": "done"}


async def test_what_is_cut_off_stays_in_the_inbox() -> None:
    inbox = FakeInbox()
    tasks = BackgroundTasks(inbox=inbox, notifier=FakeNotifier(), foreground=Foreground())
    tasks.spawn(ORIGIN, _wait(asyncio.Event()))
    await tasks.drain(0)
    assert inbox.notes == {}


def test_draining_nothing_ends_without_waiting() -> None:
    draining = BackgroundTasks(inbox=FakeInbox(), notifier=FakeNotifier(), foreground=Foreground()).drain(5)
    with pytest.raises(StopIteration):
        draining.send(None)


async def test_a_person_who_cannot_be_told_does_not_stop_the_rest(bot: Bot) -> None:
    bot.runs.error = BROKEN
    bot.notifier.error = RuntimeError("Slack is down")
    await bot.receive(command("green tea?"))
    (note,) = bot.inbox.notes.values()
    assert note.startswith("failed ")


@pytest.mark.parametrize(
    ("message_ts", "code", "note"),
    [
        ("1.1", "connection", None),
        ("1.1", "token_revoked", None),
        ("1.1", "user_not_found", "refused"),
        ("", "connection", "refused"),
    ],
)
async def test_a_message_whose_refusal_nobody_could_be_told_of_stays_in_the_inbox(
    message_ts: str, code: str, note: str | None
) -> None:
    inbox, notifier = FakeInbox(), FakeNotifier()
    away = SlackError("unreachable", code=code, method="chat.postEphemeral")
    notifier.error = away if code == "connection" else SlackError.of(code, "chat.postEphemeral")
    tasks = BackgroundTasks(inbox=inbox, notifier=notifier, foreground=Foreground())
    origin = Origin(delivery_key="key", workspace=TEAM, channel=CHANNEL, user=ANNA, message_ts=message_ts)
    tasks.spawn(origin, _refuse())
    await tasks.drain(5)
    assert inbox.notes.get("key") == note


async def test_a_failure_with_nobody_to_tell_is_closed_quietly() -> None:
    inbox, notifier = FakeInbox(), FakeNotifier()
    tasks = BackgroundTasks(inbox=inbox, notifier=notifier, foreground=Foreground())
    tasks.spawn(Origin(delivery_key="key", workspace=TEAM, channel=CHANNEL, user=""), _fail())
    await tasks.drain(5)
    assert (notifier.said, [note.split()[0] for note in inbox.notes.values()]) == ([], ["failed"])


async def test_storage_trouble_is_a_defect_to_people_and_carries_a_code(bot: Bot) -> None:
    bot.runs.error = BROKEN
    await bot.receive(command("green tea?"))
    (view,) = bot.notifier.views
    assert isinstance(view, NoticeView)
    assert (view.tone, len(view.code)) == ("error", 8)


class Line:
    """Works in line behind payloads that wait for their acknowledgement: which have begun, and what ends them."""

    def __init__(self, inbox: FakeInbox) -> None:
        self.foreground = Foreground()
        self.tasks = BackgroundTasks(inbox=inbox, notifier=FakeNotifier(), foreground=self.foreground)
        self.begun: list[int] = []
        self.gate = asyncio.Event()

    def spawn(self, number: int) -> None:
        origin = Origin(delivery_key=str(number), workspace=TEAM, channel=CHANNEL, user=ANNA)
        self.tasks.spawn(origin, self._work(number))

    async def _work(self, number: int) -> None:
        self.begun.append(number)
        await self.gate.wait()


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No work begins in its turn, and a burst is over with its last payload."""
    monkeypatch.setattr(background, "BEGIN_EACH_S", 3600)
    monkeypatch.setattr(foreground, "QUIET_S", 0)


@pytest.mark.usefixtures("busy")
async def test_while_slack_waits_for_others_works_stand_in_line() -> None:
    line = Line(FakeInbox())
    with line.foreground.payload():
        for number in range(4):
            line.spawn(number)
        await settled()
        behind = [*line.begun]
    await settled()
    assert (behind, line.begun) == ([0], [0, 1, 2, 3])
    line.gate.set()
    await line.tasks.drain(5)


@pytest.mark.usefixtures("busy")
async def test_after_a_burst_few_begin_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "BEGINNING", 2)
    monkeypatch.setattr(background, "BEGINNING_S", 3600)
    line = Line(FakeInbox())
    with line.foreground.payload():
        for number in range(5):
            line.spawn(number)
    await settled()
    assert line.begun == [0, 1]
    line.gate.set()
    await settled()
    assert line.begun == [0, 1, 2, 3, 4]
    await line.tasks.drain(5)


async def test_under_a_load_that_never_pauses_every_work_is_done_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "BEGIN_EACH_S", 0.001)
    inbox = FakeInbox()
    line = Line(inbox)
    line.gate.set()
    with line.foreground.payload():
        for number in range(20):
            line.spawn(number)
        while len(inbox.notes) < 20:  # noqa: ASYNC110 - under a load that never pauses there is nothing else to wait for
            await asyncio.sleep(0)
    assert line.begun == [*range(20)]


@pytest.mark.usefixtures("busy")
async def test_a_work_that_waits_for_others_keeps_nobody_from_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "BEGINNING", 1)
    monkeypatch.setattr(background, "BEGINNING_S", 0)
    line = Line(FakeInbox())
    for number in range(3):
        line.spawn(number)
    while len(line.begun) < 3:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    line.gate.set()
    await line.tasks.drain(5)


@pytest.mark.usefixtures("busy")
async def test_a_line_that_grows_too_long_is_worked_on_whatever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LINE_MAX", 2)
    line = Line(FakeInbox())
    with line.foreground.payload():
        for number in range(6):
            line.spawn(number)
        await settled()
        assert line.begun == [0, 1, 2, 3]
    line.gate.set()
    await line.tasks.drain(5)


@pytest.mark.usefixtures("busy")
async def test_a_shutdown_begins_what_is_in_line_and_what_comes_late() -> None:
    inbox = FakeInbox()
    line = Line(inbox)
    with line.foreground.payload():
        for number in range(4):
            line.spawn(number)
        line.gate.set()
        await line.tasks.drain(5)
        line.spawn(4)
        await line.tasks.drain(5)
    assert inbox.notes == dict.fromkeys("01234", "done")


async def settled() -> None:
    """Let tasks go on until they wait for something else."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def _refuse() -> None:
    raise UserError("I could not check with Slack who is asking.")


async def _fail() -> None:
    raise RuntimeError("a defect")


async def test_what_comes_when_all_is_closed_stays_in_the_inbox() -> None:
    inbox, gate = FakeInbox(), asyncio.Event()
    gate.set()
    tasks = BackgroundTasks(inbox=inbox, notifier=FakeNotifier(), foreground=Foreground())
    tasks.close()
    tasks.spawn(ORIGIN, _wait(gate))
    await tasks.drain(5)
    assert inbox.notes == {}

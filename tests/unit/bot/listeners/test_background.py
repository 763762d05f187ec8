import asyncio

import pytest
from slack_bolt.async_app import AsyncBoltRequest

from bot.commands.origin import Origin
from bot.listeners.background import BackgroundTasks
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
    tasks = BackgroundTasks(inbox=inbox, notifier=FakeNotifier())
    gate = asyncio.Event()
    tasks.spawn(ORIGIN, _wait(gate))
    draining = asyncio.create_task(tasks.drain(5))
    gate.set()
    await draining
    assert inbox.notes == {"key": "done"}


async def test_what_is_cut_off_stays_in_the_inbox() -> None:
    inbox = FakeInbox()
    tasks = BackgroundTasks(inbox=inbox, notifier=FakeNotifier())
    tasks.spawn(ORIGIN, _wait(asyncio.Event()))
    await tasks.drain(0)
    assert inbox.notes == {}


def test_draining_nothing_ends_without_waiting() -> None:
    draining = BackgroundTasks(inbox=FakeInbox(), notifier=FakeNotifier()).drain(5)
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
    tasks = BackgroundTasks(inbox=inbox, notifier=notifier)
    origin = Origin(delivery_key="key", workspace=TEAM, channel=CHANNEL, user=ANNA, message_ts=message_ts)
    tasks.spawn(origin, _refuse())
    await tasks.drain(5)
    assert inbox.notes.get("key") == note


async def test_a_failure_with_nobody_to_tell_is_closed_quietly() -> None:
    inbox, notifier = FakeInbox(), FakeNotifier()
    tasks = BackgroundTasks(inbox=inbox, notifier=notifier)
    tasks.spawn(Origin(delivery_key="key", workspace=TEAM, channel=CHANNEL, user=""), _fail())
    await tasks.drain(5)
    assert (notifier.said, [note.split()[0] for note in inbox.notes.values()]) == ([], ["failed"])


async def test_storage_trouble_is_a_defect_to_people_and_carries_a_code(bot: Bot) -> None:
    bot.runs.error = BROKEN
    await bot.receive(command("green tea?"))
    (view,) = bot.notifier.views
    assert isinstance(view, NoticeView)
    assert (view.tone, len(view.code)) == ("error", 8)


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def _refuse() -> None:
    raise UserError("I could not check with Slack who is asking.")


async def _fail() -> None:
    raise RuntimeError("a defect")

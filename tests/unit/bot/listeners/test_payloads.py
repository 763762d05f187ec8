"""Every payload with any one of its parts missing or empty is acknowledged, and is never a defect told to people."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from bot.messages.action_ids import RUN_STOP
from bot.messages.notice_views import NoticeView
from tests.fakes.bot_services import ANNA, BOT, DM, Bot, click, command, event, mention

WHOLE = {
    "command": command("green tea?"),
    "mention": mention(f"<@{BOT}> green tea?"),
    "click": click(RUN_STOP, "r0123456789ab"),
    "stop": event(
        {"type": "agent_session_stopped", "channel": DM, "user": ANNA, "thread_ts": "1.1", "event_ts": "1.1"}
    ),
    "home": event({"type": "app_home_opened", "channel": DM, "user": ANNA, "tab": "home", "event_ts": "1.1"}),
}


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*prefix, key)
        yield from paths(value[key], (*prefix, key))


def damaged(body: dict[str, Any], path: tuple[Any, ...], instead: Any) -> dict[str, Any]:
    made = copy.deepcopy(body)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    if instead is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = instead
    return made


CASES = [
    pytest.param(damaged(body, path, instead), id=f"{name}-{'.'.join(map(str, path))}-{instead}")
    for name, body in WHOLE.items()
    for path in paths(body)
    # Bolt itself finds out by these whose payload it is, and stops before any listener.
    if path[0] != "authorizations" and path != ("event",)
    for instead in (KeyError, None)
]


@pytest.mark.parametrize("body", CASES)
async def test_damaged_payloads_are_acknowledged(bot: Bot, body: dict[str, Any]) -> None:
    assert (await bot.receive(body)).status == 200
    assert not [view for view in bot.notifier.views if isinstance(view, NoticeView) and view.code]
    assert set(bot.inbox.notes) == set(bot.inbox.stored)

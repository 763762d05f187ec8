"""`agents demo --once REQUEST`: one request from the keystroke to the answer, its thread printed as text."""

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from bot.app import Bot
from bot.demo.local_slack import ADA, TEAM, WORKSPACE, LocalSlack
from bot.messages.action_ids import REVIEW_APPROVE, RUN_CONFIRM
from bot.messages.mrkdwn import unescape
from storage.run_rows import RunRow

MARGIN_S = 10.0
"""What posting may take after the time that the roster gives a run."""
_POLL_S = 0.3
_LAST_EDITS_S = 5.0
_ANSWERED = "completed"
_REFERENCE = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_SIGNS = {"@": "@", "#": "#"}


async def once(slack: LocalSlack, bot: Bot, request: str) -> int:
    """Send the request as Ada, print its thread, and return 0 only when it was answered."""
    await slack.command(request)
    given_s = bot.engine.roster.limits.run_s + MARGIN_S
    run: RunRow | None = None
    try:
        async with asyncio.timeout(given_s):
            while not await _is_over(slack, bot):
                await bot.engine.clock.sleep(_POLL_S)
        # The last edits follow the answer.
        await bot.drain(_LAST_EDITS_S)
        run = next(iter(await bot.engine.store.recent(TEAM, ADA, most=1)), None)
        why = "no answer came; the thread above says why" if run is not None else "nothing was started"
    except TimeoutError:
        why = f"no answer came in {given_s:.0f} seconds"
    click.echo(thread_text(await slack.messages()), nl=False)
    if run is not None and run.stop_reason == _ANSWERED:
        return 0
    click.echo(f"agents: {why}.", err=True)
    return 1


async def _is_over(slack: LocalSlack, bot: Bot) -> bool:
    """Return whether nothing more will come. Questions are answered with yes, as the demo's user would."""
    store = bot.engine.store
    runs = await store.recent(TEAM, ADA, most=1)
    if not runs:
        return any(message.get("subtype") == "ephemeral" for message in await slack.messages())
    if runs[0].status == "parked":
        for message in await slack.messages():
            for action in (RUN_CONFIRM, REVIEW_APPROVE):
                with contextlib.suppress(KeyError):
                    await slack.click(message, action)
    return runs[0].status == "done" and not await store.undelivered_ids()


def thread_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return messages as a terminal shows them, replies indented, people and channels by their names."""
    lines = []
    for message in messages:
        is_reply = message.get("thread_ts") not in (None, message["ts"])
        text = unescape(_REFERENCE.sub(_named, str(message.get("text") or "")))
        lines += [f"{'  ' if is_reply and line else ''}{line}\n" for line in text.splitlines()]
    return "".join(lines)


def _named(found: re.Match[str]) -> str:
    """Return one of Slack's references as its reader sees it."""
    kind, target, label = found[1], found[2], found[3]
    if kind in _SIGNS:
        return _SIGNS[kind] + (label or _NAMES.get(target, target))
    if kind == "!":
        return label or f"@{target}"
    return f"{label} ({target})" if label and label != target else target


_NAMES: Mapping[str, str] = {
    **{person["id"]: str(person["real_name"]) for person in WORKSPACE["users"]},
    **{channel["id"]: str(channel["name"]) for channel in WORKSPACE["channels"]},
    WORKSPACE["app"]["botUserId"]: str(WORKSPACE["app"]["botName"]),
}

"""Buttons under an ending or a refusal: what whoever reads it can do next. Pure."""

import re
from dataclasses import dataclass

from bot.messages.action_ids import (
    FAULT_HELP,
    QUEUE_IT,
    REQUEST_HELP,
    REQUEST_INSTEAD,
    REQUEST_RETRY,
    RUN_CHANGE,
    RUN_HELP,
    RUN_RETRY,
)
from bot.messages.card_views import RefusalView
from bot.messages.notice_views import NoticeView
from bot.messages.views import AnswerView, Person
from patterns.core.reasons import Reason, Remedy

FAULT_CODE = re.compile(r"[0-9a-f]{8}")
_NAME_CHARS = 40
RETRY, CHANGE = "Retry", "Change and ask again"


@dataclass(frozen=True, slots=True)
class Button:
    """A button; its value is a claim and names only what it is about."""

    label: str
    action_id: str
    value: str


def of_answer(view: AnswerView) -> list[Button]:
    """Return the buttons under an answer that is less than one; none under a full answer."""
    return _of_run(view.run.run_id, view.remedies, view.owner)


def of_refusal(view: RefusalView) -> list[Button]:
    """Return the buttons under a refusal: none where the request is not kept, only help where a budget is closed."""
    if view.run_id:
        return _of_run(view.run_id, (Remedy.HELP,) if view.blocked else Reason.BUDGET.remedies, view.owner)
    ask = Button(ask_label(view.owner), REQUEST_HELP, view.key)
    if view.blocked:
        return [ask] if view.key else []
    buttons = [Button("Queue it", QUEUE_IT, view.queue_key)] if view.queue_key else []
    if not view.key:
        return buttons
    if view.alternative_flow:
        buttons.append(Button(f"Use {view.alternative_flow[:_NAME_CHARS]}", REQUEST_INSTEAD, view.key))
    return [*buttons, ask, Button(RETRY, REQUEST_RETRY, view.key)]


def of_notice(view: NoticeView) -> list[Button]:
    """Return the buttons under a fault of ours, or under what only an admin can put right; most often none."""
    if view.retry_key:
        return [Button(RETRY, REQUEST_RETRY, view.retry_key)]
    if view.key:
        return [Button(ask_label(None), REQUEST_HELP, view.key), Button(RETRY, REQUEST_RETRY, view.key)]
    return [Button("Tell an admin", FAULT_HELP, view.code)] if FAULT_CODE.fullmatch(view.code) else []


def ask_label(owner: Person | None) -> str:
    """Return the label of the button that asks for help: `Ask Dana for help`."""
    return f"Ask {owner.name[:_NAME_CHARS] if owner else 'an admin'} for help"


def _of_run(run_id: str, remedies: tuple[Remedy, ...], owner: Person | None) -> list[Button]:
    made = {
        Remedy.RETRY: Button(RETRY, RUN_RETRY, run_id),
        Remedy.CHANGE: Button(CHANGE, RUN_CHANGE, run_id),
        Remedy.HELP: Button(ask_label(owner), RUN_HELP, run_id),
    }
    return [made[remedy] for remedy in remedies]

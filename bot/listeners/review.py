"""The review conversation: buttons of its card, its two forms, and replies in its thread."""

from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.commands.text import unescape
from bot.listeners.buttons import Click, Clicked, kept_by, listener_of, remove_question
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.open_view import open_view
from bot.listeners.services import ListenerServices
from bot.messages.action_ids import (
    ASK_MONEY,
    REPLY_APPROVES,
    REPLY_CHANGES,
    REVIEW_APPROVE,
    REVIEW_CHANGES,
    REVIEW_EDIT,
    REVIEW_GO_ON,
    REVIEW_STOP,
)
from bot.messages.notice_views import NoticeView
from bot.messages.review_forms import REVIEW_FORMS, ReviewForm, changes_form, edit_form, read_review_form
from patterns.core.errors import UserError
from patterns.core.money import format_usd
from patterns.core.questions import DecisionVerdict


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the card and its forms."""
    buttons: dict[str, Clicked] = {
        REVIEW_APPROVE: _decided("approve"),
        REVIEW_GO_ON: _decided("none"),
        REVIEW_STOP: _decided("stop"),
        REVIEW_CHANGES: _ask_what,
        REVIEW_EDIT: _show_draft,
        ASK_MONEY: _ask_for_budget,
        REPLY_APPROVES: _reply_approves,
        REPLY_CHANGES: _reply_changes,
    }
    for action_id, clicked in buttons.items():
        app.action(action_id)(listener_of(services, clicked))

    async def sent(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext) -> None:
        form = read_review_form(view)
        if not isinstance(form, ReviewForm):
            await ack(response_action="errors", errors=form)
            return
        await ack()
        origin = origin_of(context)
        decide = services.reviews.decide(form.run_id, form.path, origin, verdict=form.verdict, text=form.text)
        services.tasks.spawn(origin, decide)

    for callback_id in REVIEW_FORMS:
        app.view(callback_id)(sent)


def _decided(verdict: DecisionVerdict) -> Clicked:
    async def clicked(click: Click) -> None:
        run_id, _, path = click.value.partition(":")
        await click.services.reviews.decide(run_id, path, click.origin, verdict=verdict)

    return clicked


async def _reply_approves(click: Click) -> None:
    question, _, _key = click.value.partition("|")
    await _decided("approve")(replace(click, value=question))
    await remove_question(click)


async def _reply_changes(click: Click) -> None:
    question, _, key = click.value.partition("|")
    kept = await kept_by(click, key)
    run_id, _, path = question.partition(":")
    await click.services.reviews.decide(run_id, path, click.origin, verdict="changes", text=unescape(str(kept.said)))
    await remove_question(click)


async def _ask_for_budget(click: Click) -> None:
    run_id, _, path = click.value.partition(":")
    await click.services.reviews.ask_for_budget(run_id, path, click.origin)
    await click.services.notifier.private(click.origin, NoticeView("I asked. As soon as there is money, I go on."))


async def _ask_what(click: Click) -> None:
    run_id, _, path = click.value.partition(":")
    question = await click.services.reviews.question(run_id, path, click.origin)
    price = format_usd(question.amount_nusd)
    await open_view(click.client, click.origin, changes_form(run_id, path, origin=click.origin, price=price))


async def _show_draft(click: Click) -> None:
    run_id, _, path = click.value.partition(":")
    question = await click.services.reviews.question(run_id, path, click.origin)
    form = edit_form(run_id, path, origin=click.origin, draft=question.draft)
    if form is None:
        raise UserError("This draft is too long for a form. Reply with what should change instead.")
    await open_view(click.client, click.origin, form)

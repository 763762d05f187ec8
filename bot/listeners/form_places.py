"""Where a submitted form was opened: it came with the form, so it is a claim."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.messages.budget_form import BudgetForm, read_budget_form
from bot.messages.budget_views import BUDGET_FORM
from bot.messages.review_forms import REVIEW_FORMS, ReviewForm, read_review_form
from bot.messages.server_forms import SERVER_FORM, form_place
from bot.messages.tool_forms import DENY_FORM, read_deny_form
from bot.people.channel_form import CHANNEL_FORM, ChannelForm, read_channel_form
from bot.people.channel_rules import ChannelRules
from bot.people.tool_audience_form import TOOL_AUDIENCE_FORM, ToolAudienceForm, read_tool_audience_form
from bot.people.tools_form import TOOLS_FORM, ToolsForm, read_tools_form

View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClaimedPlace:
    """The conversation that a form names."""

    channel: str
    thread_ts: str | None = None
    response_url: str | None = None
    answered: str = ""
    """What tells a corrected form from the one that had mistakes: Slack sends both under one id and hash."""


def _budget(view: View) -> ClaimedPlace | None:
    form = read_budget_form(view)
    if not isinstance(form, BudgetForm):
        return None
    return ClaimedPlace(form.payer.channel, response_url=form.response_url)


def _channel(view: View) -> ClaimedPlace | None:
    form = read_channel_form(view, ChannelRules())
    return ClaimedPlace(form.channel, response_url=form.response_url) if isinstance(form, ChannelForm) else None


def _tools(view: View) -> ClaimedPlace | None:
    form = read_tools_form(view, ChannelRules())
    return ClaimedPlace(form.channel) if isinstance(form, ToolsForm) else None


def _tool_audience(view: View) -> ClaimedPlace | None:
    form = read_tool_audience_form(view, ChannelRules())
    return ClaimedPlace(form.channel) if isinstance(form, ToolAudienceForm) else None


def _denial(view: View) -> ClaimedPlace | None:
    form = read_deny_form(view)
    return ClaimedPlace(form.channel, form.thread_ts)


def _of_server(view: View) -> ClaimedPlace | None:
    form = form_place(view)
    answered = hashlib.sha256(json.dumps(view["state"]["values"], sort_keys=True).encode()).hexdigest()[:16]
    return ClaimedPlace(form.channel, form.thread_ts, answered=f":{answered}")


def _review(view: View) -> ClaimedPlace | None:
    form = read_review_form(view)
    return ClaimedPlace(form.channel, form.thread_ts) if isinstance(form, ReviewForm) else None


_READERS: Mapping[str, Callable[[View], ClaimedPlace | None]] = {
    BUDGET_FORM: _budget,
    CHANNEL_FORM: _channel,
    TOOLS_FORM: _tools,
    TOOL_AUDIENCE_FORM: _tool_audience,
    DENY_FORM: _denial,
    SERVER_FORM: _of_server,
    **dict.fromkeys(REVIEW_FORMS, _review),
}


def place_of(view: View) -> ClaimedPlace | None:
    """Return where a form was opened; None for the request form, for unknown ones and for those with field errors."""
    reader = _READERS.get(view["callback_id"])
    return None if reader is None else reader(view)

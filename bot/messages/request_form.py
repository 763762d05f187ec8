"""The form people ask with, and its parsing.

Text of people and models is shown as plain_text objects, in which Slack interprets nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.commands.commands import Ask
from bot.commands.dry_run import read_dry_run
from bot.commands.origin import Origin
from bot.messages.list_views import BalancesView, FlowLine
from bot.messages.mrkdwn import literal
from bot.messages.price_text import price_note, price_words
from bot.messages.run_text import left
from patterns.core.errors import UserError

ASK_FORM = "ask_form"
"""callback_id of the request form."""
MAX_REQUEST_CHARS = 3000
"""Characters that Slack's input accepts."""
_REQUEST, _FLOW, _WHERE, _DRY = "request", "flow", "where", "dry"
_ANY_FLOW = "-"
_OPTION_CHARS = 75
_MAX_OPTIONS = 100


@dataclass(frozen=True, slots=True)
class AskForm:
    """A submitted request form. `channel` is where it was opened; `where` is where the answer goes.

    `about` is the idempotency key of the message it is about, `thread_ts` that message's thread. A `dry` one calls no
    tool that acts.
    """

    text: str
    flow: str | None
    where: Literal["channel", "dm"]
    channel: str
    response_url: str | None
    about: str = ""
    thread_ts: str | None = None
    dry: bool = False

    @property
    def ask(self) -> Ask:
        """Return what it asks for."""
        return Ask(self.text, self.flow, dry=self.dry)


def ask_form(  # noqa: PLR0913 - what it is made of, each by keyword
    flows: tuple[FlowLine, ...],
    origin: Origin,
    *,
    channel_name: str,
    can_post: bool,
    balances: BalancesView | None,
    again: Ask | None = None,
    acts: bool = False,
) -> dict[str, Any]:
    """Build the request form: request, flow with its price, destination, and the message it is about.

    Where agents have tools that act (`acts`), it can be a dry run.
    """
    about = origin.attached.about
    blocks = [_request_input(again.request if again else ""), _flow_input(flows, again.flow if again else None)]
    if can_post:
        blocks.append(_where_input(channel_name, in_thread=bool(about)))
    if acts:
        blocks.append(_dry_input(is_dry=bool(again and again.dry)))
    if about:
        blocks.append(_small_print("The agents read the message you chose and its thread."))
    blocks.append(_small_print(_price_line(flows, balances)))
    if not can_post:
        blocks.append(_small_print("The answer comes to our direct messages. To get it here, /invite me first."))
    kept = {"channel": origin.channel, "response_url": origin.response_url, "can_post": can_post}
    kept |= {"about": about, "thread_ts": origin.thread_ts if about else None}
    return {
        "type": "modal",
        "callback_id": ASK_FORM,
        "private_metadata": json.dumps(kept),
        "title": plain("Ask the agents"),
        "submit": plain("Ask"),
        "close": plain("Cancel"),
        "blocks": blocks,
    }


def read_ask_form(view: Mapping[str, Any]) -> AskForm | dict[str, str]:
    """Return the form's values, or Slack's field errors by block. An untouched field may come as null."""
    fields = view["state"]["values"]
    text = str(_value(fields, _REQUEST).get("value") or "").strip()
    if not text:
        return {_REQUEST: "Write what the agents should do, for example: compare SQLite and PostgreSQL for our log."}
    try:
        text, is_dry = read_dry_run(text, dry=bool(_value(fields, _DRY).get("selected_options")))
    except UserError as error:
        return {_REQUEST: str(error)}
    kept = json.loads(view["private_metadata"])
    flow = (_value(fields, _FLOW).get("selected_option") or {}).get("value", _ANY_FLOW)
    chosen = (_value(fields, _WHERE).get("selected_option") or {}).get("value", "channel")
    return AskForm(
        text=text,
        flow=None if flow == _ANY_FLOW else str(flow),
        where="channel" if kept["can_post"] and chosen == "channel" else "dm",
        channel=str(kept["channel"]),
        response_url=kept["response_url"],
        about=kept.get("about", ""),
        thread_ts=kept.get("thread_ts"),
        dry=is_dry,
    )


def _request_input(text: str) -> dict[str, Any]:
    given = {"initial_value": text} if text else {}
    return {
        "type": "input",
        "block_id": _REQUEST,
        "label": plain("What should the agents do?"),
        "element": {
            "type": "plain_text_input",
            "action_id": _REQUEST,
            "multiline": True,
            "max_length": MAX_REQUEST_CHARS,
            "placeholder": plain("Compare SQLite and PostgreSQL for our event log"),
            **given,
        },
    }


def _flow_input(flows: tuple[FlowLine, ...], chosen: str | None) -> dict[str, Any]:
    anything = _option("Choose for me", _ANY_FLOW)
    named = [_option(f"{flow.name}{_price(flow)}", flow.name, flow.description) for flow in flows]
    return {
        "type": "input",
        "block_id": _FLOW,
        "optional": True,
        "label": plain("How should they work?"),
        "element": {
            "type": "static_select",
            "action_id": _FLOW,
            "options": (options := [anything, *named][:_MAX_OPTIONS]),
            "initial_option": next((option for option in options if option["value"] == chosen), anything),
        },
    }


def _where_input(channel_name: str, *, in_thread: bool) -> dict[str, Any]:
    place = "In the message's thread" if in_thread else f"In #{channel_name}" if channel_name else "Here"
    here = _option(f"{place}, for everyone", "channel")
    return {
        "type": "input",
        "block_id": _WHERE,
        "optional": True,
        "label": plain("Where should the answer go?"),
        "element": {
            "type": "static_select",
            "action_id": _WHERE,
            "options": [here, _option("Only to me, in our direct messages", "dm")],
            "initial_option": here,
        },
    }


def _dry_input(*, is_dry: bool) -> dict[str, Any]:
    option = _option("Dry run: call no tool that acts, list what would be called", _DRY)
    checked = {"initial_options": [option]} if is_dry else {}
    return {
        "type": "input",
        "block_id": _DRY,
        "optional": True,
        "label": plain("May they act?"),
        "element": {"type": "checkboxes", "action_id": _DRY, "options": [option], **checked},
    }


def _price_line(flows: tuple[FlowLine, ...], balances: BalancesView | None) -> str:
    prices = {flow.name: flow.price for flow in flows}
    line = price_note(prices) if any(prices.values()) else "The plan names its price."
    if balances is None:
        return line
    said = ", ".join(f"{b.name} has {left(b)} left this month" for b in balances.balances)
    return f"{line} {said}.{' Play money.' if balances.play_money else ''}".strip()


def _price(flow: FlowLine) -> str:
    return f": {price_words(flow.price)}" if flow.price else ""


def _value(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = fields.get(name, {}).get(name) or {}
    return found


def plain(text: str) -> dict[str, Any]:
    """Return a plain_text object, in which Slack interprets nothing."""
    return {"type": "plain_text", "text": literal(text), "emoji": False}


def _small_print(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [plain(_cut(text, 2000))]}


def _option(text: str, value: str, description: str = "") -> dict[str, Any]:
    more = {"description": plain(_cut(description, _OPTION_CHARS))} if description else {}
    return {"text": plain(_cut(text, _OPTION_CHARS)), "value": value} | more


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

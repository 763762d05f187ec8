"""The form in which admins set how agents behave in one channel, and its parsing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.messages.list_views import FlowLine
from bot.messages.mrkdwn import clip, literal
from bot.people.channel_rules import ChannelRules

CHANNEL_FORM = "channel_form"
"""callback_id of the form."""
WHO, PEOPLE, FLOW, REPLIES, PROGRESS = "who", "people", "flow", "replies", "progress"
_ANY = "-"
_OPTION_CHARS = 75
_OPTIONS_MAX = 100
_KEPT_PEOPLE_MAX = 100
_WHO = {
    "everyone": "Everybody in the channel",
    "admins": "Admins and owners of the budget",
    "named": "They and the people named below",
}
_REPLIES = {
    "asker": "Those of the person who asked",
    "tagged": "None: mention me each time",
    "free": "Everybody's, without a mention",
}
_ROUTED = "Whatever the Router chooses"
_FIELDS = {WHO: "who", FLOW: "flow", REPLIES: "replies", PROGRESS: "quiet"}
_VALUES: dict[str, str | bool] = {_ANY: "", "steps": False, "quiet": True}
"""Values of the form that are others in the rules."""
_PROGRESS = {"steps": "Each step as it happens", "quiet": "Only the beginning and the answer"}


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """A submitted form: the new rules and their channel."""

    channel: str
    rules: ChannelRules
    response_url: str | None


def channel_form(
    rules: ChannelRules, flows: Sequence[FlowLine], *, channel: str, response_url: str | None
) -> dict[str, Any]:
    """Build the form, filled with the rules in force."""
    named = {_ANY: _ROUTED, **{flow.name: flow.name for flow in flows}}
    people = {"type": "multi_users_select", "action_id": PEOPLE, "initial_users": sorted(rules.people)}
    blocks = [
        _choice(WHO, "Who may ask here?", _WHO, rules.who),
        {"type": "input", "block_id": PEOPLE, "optional": True, "label": _plain("People"), "element": people},
        _choice(FLOW, "How do agents work when nobody says how?", named, rules.flow or _ANY),
        _choice(REPLIES, "Which replies in my threads are for me?", _REPLIES, rules.replies),
        _choice(PROGRESS, "What do I show while working?", _PROGRESS, "quiet" if rules.quiet else "steps"),
    ]
    kept = {WHO: rules.who, FLOW: rules.flow or _ANY, REPLIES: rules.replies}
    kept |= {PROGRESS: "quiet" if rules.quiet else "steps"}
    return {
        "type": "modal",
        "callback_id": CHANNEL_FORM,
        "private_metadata": json.dumps(
            {"channel": channel, "response_url": response_url, "now": kept, "people": _kept(rules.people)}
        ),
        "title": _plain("Agents in this channel"),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": blocks,
    }


def read_channel_form(view: Mapping[str, Any], before: ChannelRules) -> ChannelForm | dict[str, str]:
    """Return the rules before with what the person changed of those shown, or Slack's field errors.

    What another admin changed since the form opened stays so. An untouched field may come as null.
    """
    kept, fields = json.loads(view["private_metadata"]), view["state"]["values"]
    chosen = {
        name: ((fields[name][name] or {}).get("selected_option") or {}).get("value") or now
        for name, now in kept["now"].items()
    }
    changed: dict[str, Any] = {
        _FIELDS[name]: _VALUES.get(value, value) for name, value in chosen.items() if value != kept["now"][name]
    }
    people, shown = (
        (fields[PEOPLE][PEOPLE] or {}).get("selected_users"),
        before.people if kept.get("people") is None else frozenset(kept["people"]),
    )
    if people is not None:
        changed["people"] = (before.people - (shown - frozenset(people))) | (frozenset(people) - shown)
    rules = replace(before, **changed)
    if chosen[WHO] == "named" and not (shown if people is None else people):
        return {PEOPLE: "Name the people who may ask here, or choose another answer above."}
    return ChannelForm(str(kept["channel"]), rules, kept["response_url"])


def _kept(people: frozenset[str]) -> list[str] | None:
    """Return whom the form showed, as far as Slack keeps so much with it."""
    return sorted(people) if len(people) <= _KEPT_PEOPLE_MAX else None


def channel_changes(before: ChannelRules, after: ChannelRules) -> str:
    """Return what changed, with old and new values; empty when nothing did."""
    was, now = _in_words(before), _in_words(after)
    return "; ".join(f"{what} from “{was[what]}” to “{now[what]}”" for what in was if was[what] != now[what])


def _in_words(rules: ChannelRules) -> dict[str, str]:
    named = "1 other person" if len(rules.people) == 1 else f"{len(rules.people)} other people"
    return {
        "who may ask here": f"admins, owners of the budget and {named}" if rules.who == "named" else _WHO[rules.who],
        "how agents work when nobody says how": rules.flow or _ROUTED,
        "which replies I take": _REPLIES[rules.replies],
        "what I show while working": _PROGRESS["quiet" if rules.quiet else "steps"],
    }


def _choice(name: str, label: str, options: Mapping[str, str], now: str) -> dict[str, Any]:
    shown = [{"text": _plain(clip(text, _OPTION_CHARS)), "value": value} for value, text in options.items()]
    shown = shown[:_OPTIONS_MAX]
    chosen = next((option for option in shown if option["value"] == now), shown[0])
    element = {"type": "static_select", "action_id": name, "options": shown, "initial_option": chosen}
    return {"type": "input", "block_id": name, "optional": True, "label": _plain(label), "element": element}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": literal(text), "emoji": False}
